// The hospital's pages as a visitor finds them: how fast a patient is connected, what is fetched and kept, what the officer exports.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { get } from "node:http";
import { after, before, describe, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { launch } from "./support/browser.mjs";
import { begin, compare, incoming, invite, PASSPHRASE, unlock, write } from "./support/hospital.mjs";
import { DESK, openProfile, PHONE } from "./support/profile.mjs";
import { DEPLOYED, startRelay } from "./support/relay.mjs";

const PORTAL = new URL("../../www/dist/", import.meta.url);

/** As it is sent: `fetch` would decode it. */
async function download(url, headers) {
  const [response] = await once(get(url, { headers }), "response");
  const parts = [];
  for await (const part of response) parts.push(part);
  return { headers: response.headers, body: Buffer.concat(parts) };
}

let relay, browser;
before(async () => {
  relay = await startRelay({ ...DEPLOYED, epoch: "3s", "lobby-epoch": "3s" });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

describe("a patient and a clinician", () => {
  test("from the scan to the first message, a patient is asked for a passphrase only; prints how long it takes", async (t) => {
    const desk = await openProfile(browser, `${relay.url}/desk`);
    const phone = await openProfile(browser, "about:blank", { device: PHONE });
    await desk.page.getByTestId("inbox-empty").waitFor();
    const began = performance.now();
    await phone.page.goto(await invite(desk.page));
    await phone.page.getByTestId("first-passphrase").waitFor();
    const fields = phone.page.locator("tessera-portal form:has([data-testid=first-create]) input");
    assert.equal(await fields.count(), 1);
    await begin(phone.page);
    await compare(desk.page, phone.page);
    await write(phone.page, "Good morning, here I am.");
    await phone.page.locator('[data-testid="message"]:is([data-state="sent"], [data-state="delivered"])').waitFor();
    t.diagnostic(`${((performance.now() - began) / 1000).toFixed(1)} s`);
    await incoming(desk.page).first().waitFor();
    await desk.page
      .getByTestId("emergency")
      .getByText(/Not for emergencies/)
      .waitFor();
    assert.deepEqual([...desk.complaints, ...phone.complaints], []);
    await Promise.all([desk.close(), phone.close()]);
  });

  test("files come compressed, and are what was built", async () => {
    const assets = await readdir(new URL("assets", PORTAL));
    const encodings = { br: [".br", brotliDecompressSync], gzip: [".gz", gunzipSync] };
    for (const name of assets.filter((file) => /\.(?:js|css|wasm)$/.test(file))) {
      const built = await readFile(new URL(`assets/${name}`, PORTAL));
      for (const [encoding, [extension, decode]] of Object.entries(encodings)) {
        const { headers, body } = await download(`${relay.url}/assets/${name}`, { "accept-encoding": encoding });
        const isSmaller = assets.includes(`${name}${extension}`);
        assert.equal(headers["content-encoding"], isSmaller ? encoding : undefined, name);
        assert.ok(built.equals(isSmaller ? decode(body) : body), `${name} in ${encoding}`);
      }
    }
    const patient = await openProfile(browser, "about:blank");
    const sent = [];
    patient.page.on("response", (response) => sent.push([new URL(response.url()).pathname, response.headers()]));
    await patient.page.goto(relay.url);
    await patient.page.getByTestId("first-passphrase").waitFor();
    const scripts = sent.filter(([path]) => path.startsWith("/assets/"));
    assert.ok(scripts.length > 2);
    for (const [path, headers] of scripts) assert.match(headers["content-encoding"], /^(?:br|gzip)$/, path);
    await patient.close();
  });

  test("a link that cannot be answered says so before anything is asked, and the whole link goes on", async () => {
    const desk = await openProfile(browser, `${relay.url}/desk`);
    const link = await invite(desk.page, "link");
    const expired = await invite(desk.page);
    const [page, invitation] = expired.split("tessera:/");
    const fields = JSON.parse(Buffer.from(invitation, "base64url").toString());
    const changed = (other) =>
      `${page}tessera:/${Buffer.from(JSON.stringify({ ...fields, ...other })).toString("base64url")}`;
    const faults = [
      [
        link.slice(0, -20),
        "INVITATION_INCOMPLETE",
        /is cut off.*see the code again/,
        /está cortado.*el código otra vez/,
      ],
      [
        link.slice(0, link.indexOf("tessera:/") + 6),
        "INVITATION_MALFORMED",
        /No invitation can be read/,
        /no se puede leer/,
      ],
      [changed({ v: 2 }), "INVITATION_MALFORMED", /another version/, /otra versión/],
      [changed({ x: 1_000 }), "INVITATION_EXPIRED", /expired.*clock wrong\? It says .*\d/, /caducado.*reloj.*\d/],
      [changed({ r: "https://elsewhere.example" }), "RELAY_MISMATCH", /the right link/, /el enlace correcto/],
    ];
    const refused = { en: "This invitation cannot be used", es: "Esta invitación no se puede usar" };
    for (const [text, code, en, es] of faults)
      for (const [language, device] of [
        ["en", DESK],
        ["es", PHONE],
      ]) {
        const visitor = await openProfile(browser, text, { device, language });
        const fault = visitor.page.locator(`[data-testid="offer-fault"][data-code="${code}"]`);
        await fault.waitFor();
        assert.match(await fault.innerText(), { en, es }[language]);
        await visitor.page.getByRole("heading", { name: refused[language], exact: true }).waitFor();
        assert.equal(await visitor.page.locator("tessera-portal input[type=password]").count(), 0);
        assert.equal(new URL(visitor.page.url()).hash, "");
        assert.deepEqual(visitor.complaints, []);
        await visitor.close();
      }

    const phone = await openProfile(browser, link.slice(0, -20), { device: PHONE });
    const whole = phone.page.getByTestId("offer-text");
    await whole.fill(link.slice(0, -10));
    await phone.page.getByTestId("offer-again").click();
    await phone.page.locator('[data-testid="outcome"][data-code="INVITATION_INCOMPLETE"]').waitFor();
    await whole.fill(link);
    await phone.page.getByTestId("offer-again").click();
    await phone.page.getByRole("heading", { name: "Riverside Clinic invites you to connect" }).waitFor();
    await begin(phone.page);
    await compare(desk.page, phone.page);
    assert.deepEqual([...desk.complaints, ...phone.complaints], []);
    await Promise.all([desk.close(), phone.close()]);
  });

  test("a cut-off link says so beside the passphrase of who has messages here, and as it is pasted", async () => {
    const desk = await openProfile(browser, `${relay.url}/desk`);
    const link = await invite(desk.page, "link");
    const phone = await openProfile(browser, link.slice(0, -20), { device: PHONE });
    await phone.page.getByTestId("offer-drop").click();
    await begin(phone.page);
    await phone.page.getByTestId("inbox-empty").waitFor();
    await phone.page.goto("about:blank");
    await phone.page.goto(link.slice(0, -20));
    await phone.page.getByTestId("passphrase").waitFor();
    await phone.page.locator('[data-testid="offer-fault"][data-code="INVITATION_INCOMPLETE"]').waitFor();
    await unlock(phone.page, PASSPHRASE);
    const offer = phone.page.getByTestId("offer");
    await offer.getByTestId("offer-fault").waitFor();
    assert.equal(await offer.getByTestId("offer-accept").count(), 0);
    await offer.getByTestId("offer-refuse").click();
    await offer.waitFor({ state: "detached" });
    const paste = (text) =>
      phone.page.getByTestId("accept-text").evaluate((field, text) => {
        field.value = text;
        field.dispatchEvent(new InputEvent("input", { inputType: "insertFromPaste", bubbles: true }));
      }, text);
    const outcome = phone.page.locator('[data-testid="outcome"][data-code="INVITATION_INCOMPLETE"]');
    await paste(link.slice(0, -20));
    await outcome.waitFor();
    await paste(link);
    await outcome.waitFor({ state: "detached" });
    await phone.page.getByTestId("accept-button").click();
    await compare(desk.page, phone.page);
    assert.deepEqual([...desk.complaints, ...phone.complaints], []);
    await Promise.all([desk.close(), phone.close()]);
  });

  test("nothing is asked of anyone but the hospital and its message service; without a connection the page still opens", async () => {
    const patient = await openProfile(browser, `${relay.url}/`);
    const origins = new Set();
    patient.context.on("request", (request) => origins.add(new URL(request.url()).origin));
    await begin(patient.page);
    await patient.page.getByTestId("inbox-empty").waitFor();
    await patient.page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
    const kept = await patient.page.evaluate(async () => {
      const names = await caches.keys();
      const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
      return requests.flat().map(({ url }) => new URL(url).pathname);
    });
    assert.ok(
      kept.length > 5 &&
        kept.every((path) =>
          /^\/(assets\/[\w.-]+|desk|lab|officer|text|favicon\.svg|stage\.html|verify\.html)?$/.test(path),
        ),
      kept.join(),
    );
    await patient.context.setOffline(true);
    await patient.page.reload();
    await unlock(patient.page, PASSPHRASE);
    await patient.page.getByTestId("inbox-empty").waitFor();
    await patient.page.locator('[data-testid="notice"][data-code="RELAY_UNREACHABLE"]').waitFor();
    assert.deepEqual([...origins], [relay.url]);
    await patient.close();
  });

  test("the officer sees the numbers in words, and exports the assessment without a name", async () => {
    const officer = await openProfile(browser, `${relay.url}/officer`);
    const { page } = officer;
    await page.getByTestId("belief").waitFor();
    assert.match(await page.getByTestId("seen").innerText(), /^[\d,]+ equal sealed pieces/);
    const saved = async (testid) => {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId(testid).click()]);
      return readFile(await download.path(), "utf8");
    };
    const assessment = JSON.parse(await saved("assessment-json"));
    for (const field of [
      "component",
      "data_category",
      "where_kept",
      "who_can_read",
      "cipher",
      "idle_limit_minutes",
      "service_retention_days",
      "key_life",
      "message_limit_bytes",
      "cover",
      "epoch_seconds",
      "backup_age_days",
      "last_restore_drill",
      "unverified_contacts",
      "blocked_contacts",
      "unfiled_messages",
      "refused_per_30_days",
      "gaps_per_30_days",
      "checkpoint_lag_entries",
    ])
      assert.ok(Object.hasOwn(assessment, field), field);
    assert.equal(assessment.epoch_seconds, 3);
    assert.equal(assessment.idle_limit_minutes, 10);
    assert.ok(!JSON.stringify(assessment).includes("Rivera"));
    const rows = (await saved("assessment-csv")).split("\r\n");
    assert.deepEqual([rows[0], rows.length], ["\ufefffield,value", Object.keys(assessment).length + 2]);
    assert.deepEqual(officer.complaints, []);
    await officer.close();
  });
});
