// The hospital portal with the elements in it: a patient on a phone, a clinician at a desk, in both languages and colour schemes.
// Every state passes axe; with TESSERA_SCREENSHOTS each is kept as a picture.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { accessible } from "./support/axe.mjs";
import { launch } from "./support/browser.mjs";
import { DESK, PHONE, SMALL_PHONE, openProfile } from "./support/profile.mjs";
import { startRelay } from "./support/relay.mjs";

const BUNDLE = fileURLToPath(new URL("../data/fhir/bundle-lipids.json", import.meta.url));
const PASSPHRASE = "rain on the roof";
const STAFF = "tessera demo";
/** From the scan to the first message, at the demonstration's epochs. */
const LIMIT_MS = 60_000;

let relay, browser;
before(async () => {
  relay = await startRelay({ epoch: "3s", "lobby-epoch": "3s" });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

/** The desk shows a code; the patient's phone opens its link, and both are connected. */
async function connect(desk, phone) {
  await desk.page.getByTestId("add-contact").click();
  await desk.page.getByTestId("invite-qr").click();
  const link = await desk.page.getByTestId("invitation-text").inputValue();
  await phone.page.goto(link);
  await phone.page.getByTestId("first-name").fill("Ana Gómez");
  await phone.page.getByTestId("first-passphrase").fill(PASSPHRASE);
  await phone.page.getByTestId("first-create").click();
  const sas = phone.page.getByTestId("sas");
  await sas.waitFor();
  await desk.page.getByTestId("sas-input").fill(await sas.getAttribute("data-digits"));
  await phone.page.getByTestId("sas-match").click();
  await phone.page.getByTestId("compose-text").waitFor();
}

async function write(person, text) {
  await person.page.getByTestId("compose-text").fill(text);
  await person.page.getByTestId("compose-send").click();
}

const incoming = (person) => person.page.locator('[data-testid="message"][data-direction="in"][data-state="verified"]');

async function menu(person, testid) {
  await person.page.getByTestId("menu").locator("summary").click();
  await person.page.getByTestId(testid).click();
}

describe("a patient and a clinician", () => {
  for (const [language, scheme, device] of [
    ["en", "light", PHONE],
    ["es", "dark", PHONE],
    ["es", "light", SMALL_PHONE],
    ["en", "dark", SMALL_PHONE],
  ]) {
    test(`every state is accessible: ${language}, ${scheme}, ${device.viewport.width} px`, async () => {
      const look = { language, scheme };
      const desk = await openProfile(browser, `${relay.url}/desk`, { device: DESK, ...look });
      const phone = await openProfile(browser, `${relay.url}/`, { device, ...look });
      const state = async (person, name) => {
        await accessible(person.page, name);
        const { scrollWidth, innerWidth } = await person.page.evaluate(() => ({
          scrollWidth: document.documentElement.scrollWidth,
          innerWidth: window.innerWidth,
        }));
        assert.ok(scrollWidth <= innerWidth, `${name}: ${scrollWidth} px wide`);
        await person.picture(name);
      };
      await desk.page.getByTestId("inbox-empty").waitFor();
      await state(desk, "desk-empty");
      await desk.page.getByTestId("add-contact").click();
      await desk.page.getByTestId("invite-qr").click();
      const link = await desk.page.getByTestId("invitation-text").inputValue();
      await desk.page.getByTestId("invite-link").click();
      await desk.page.getByTestId("invitation").nth(1).waitFor();
      await state(desk, "desk-connect");
      await desk.page.getByTestId("cancel-invitation").first().click();
      await phone.page.goto(link);
      await phone.page.getByTestId("first-name").waitFor();
      await state(phone, "phone-first");
      await phone.page.getByTestId("first-name").fill("Ana Gómez");
      await phone.page.getByTestId("first-passphrase").fill(PASSPHRASE);
      await phone.page.getByTestId("first-create").click();
      await phone.page.getByTestId("sas").waitFor();
      await state(phone, "phone-digits");
      const digits = await phone.page.getByTestId("sas").getAttribute("data-digits");
      await desk.page.getByTestId("sas-input").fill(digits === "000000" ? "111111" : "000000");
      assert.notEqual(await desk.page.getByTestId("sas-error").innerText(), "");
      await state(desk, "desk-wrong-digits");
      await desk.page.getByTestId("sas-input").fill(digits);
      await desk.page.getByTestId("compose-text").waitFor();
      await write(desk, "This waits until Ana has checked.");
      await phone.page.locator('[data-testid="message"][data-state="held"]').waitFor();
      await state(phone, "phone-held");
      await phone.page.getByTestId("sas-match").click();
      await incoming(phone).first().waitFor();
      await write(phone, "My knee is still swollen. Should I come earlier?");
      await incoming(desk).first().waitFor();
      await desk.page.getByTestId("compose-file").setInputFiles(BUNDLE);
      await desk.page.getByTestId("attached").waitFor();
      await desk.page.getByTestId("compose-text").fill("Your results. I will call you.");
      await state(desk, "desk-attached");
      await desk.page.getByTestId("compose-send").click();
      await phone.page.getByTestId("fhir-table").waitFor();
      await state(phone, "phone-result");
      await state(desk, "desk-thread");
      await phone.page.getByTestId("open-person").click();
      await phone.page.getByTestId("person").waitFor();
      await state(phone, "phone-person");
      await phone.page.getByTestId("back").click();
      await state(phone, "phone-inbox");
      await menu(phone, "open-safety");
      await phone.page.getByTestId("create-code").click();
      await phone.page.getByTestId("dialog-passphrase").fill("not this one");
      await phone.page.getByTestId("dialog-do").click();
      await phone.page.getByTestId("dialog").locator('[data-code="WRONG_PASSPHRASE"]').waitFor();
      await state(phone, "phone-dialog");
      await phone.page.getByTestId("dialog-passphrase").fill(PASSPHRASE);
      await phone.page.getByTestId("dialog-do").click();
      await phone.page.getByTestId("code-sheet").waitFor();
      await phone.page.getByTestId("create-shares").click();
      await phone.page.getByTestId("dialog-passphrase").fill(PASSPHRASE);
      await phone.page.getByTestId("dialog-do").click();
      await phone.page.getByTestId("share").nth(2).waitFor();
      await state(phone, "phone-sheets");
      await menu(phone, "open-log");
      await phone.page.getByTestId("log-item").first().waitFor();
      await state(phone, "phone-activity");
      await menu(phone, "lock");
      await phone.page.getByTestId("lock-view").waitFor();
      await state(phone, "phone-lock");
      await desk.page.goto(`${relay.url}/officer${language === "es" ? "?lang=es" : ""}`);
      await desk.page.getByTestId("passphrase").fill(STAFF);
      await desk.page.getByTestId("unlock").click();
      await desk.page.getByTestId("belief").waitFor();
      await state(desk, "desk-officer");
      assert.deepEqual([...desk.complaints, ...phone.complaints], []);
      await Promise.all([desk.close(), phone.close()]);
    });
  }

  test("from the scan to the first message takes less than a minute, and asks for nothing else than a name and a passphrase", async (t) => {
    const desk = await openProfile(browser, `${relay.url}/desk`);
    const phone = await openProfile(browser, "about:blank", { device: PHONE });
    await desk.page.getByTestId("inbox-empty").waitFor();
    const began = performance.now();
    await connect(desk, phone);
    await write(phone, "Good morning, here I am.");
    await phone.page.locator('[data-testid="message"]:is([data-state="sent"], [data-state="delivered"])').waitFor();
    const took = performance.now() - began;
    t.diagnostic(`${(took / 1000).toFixed(1)} s`);
    assert.ok(took < LIMIT_MS, `${took} ms`);
    await incoming(desk).first().waitFor();
    await desk.page
      .getByTestId("emergency")
      .getByText(/Not for emergencies/)
      .waitFor();
    assert.deepEqual([...desk.complaints, ...phone.complaints], []);
    await Promise.all([desk.close(), phone.close()]);
  });

  test("nothing is asked of anyone but the hospital and its message service; without a connection the page still opens", async () => {
    const patient = await openProfile(browser, `${relay.url}/`);
    const origins = new Set();
    patient.context.on("request", (request) => origins.add(new URL(request.url()).origin));
    await patient.page.getByTestId("first-name").fill("Ana Gómez");
    await patient.page.getByTestId("first-passphrase").fill(PASSPHRASE);
    await patient.page.getByTestId("first-create").click();
    await patient.page.getByTestId("inbox-empty").waitFor();
    await patient.page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
    const kept = await patient.page.evaluate(async () => {
      const names = await caches.keys();
      const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
      return requests.flat().map(({ url }) => new URL(url).pathname);
    });
    assert.ok(
      kept.length > 5 && kept.every((path) => /^\/(assets\/[\w.-]+|desk|lab|officer)?$/.test(path)),
      kept.join(),
    );
    await patient.context.setOffline(true);
    await patient.page.reload();
    await patient.page.getByTestId("passphrase").fill(PASSPHRASE);
    await patient.page.getByTestId("unlock").click();
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
      "key_life_days",
      "message_limit_bytes",
      "cover",
      "epoch_seconds",
      "backup_age_days",
      "last_restore_drill",
      "unverified_contacts",
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
