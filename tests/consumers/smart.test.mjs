// The SMART app of examples/smart in Chromium, launched by an EHR of the tests, with the real relay.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { Portal, memoryStore } from "../../pkg/dist/node.js";
import { startRelay } from "../node/relay.mjs";
import { until } from "../node/until.mjs";
import { launch, serve } from "./lib/browser.mjs";
import { startEhr } from "./lib/ehr.mjs";
import { project } from "./lib/project.mjs";

const EXAMPLE = fileURLToPath(new URL("../../examples/smart/", import.meta.url));
const PASSPHRASE = "a passphrase of this clinician";
const WORDS = "My knee is still swollen.";
const ANSWER = "Come on Monday at nine.";

describe("the SMART app", () => {
  let consumer, relay, browser, site, ehr, patient, other, practitioner;
  /** Patient and clinician meet once; the later launches open the same vault. */
  let context, ana;

  before(async () => {
    const { dependencies } = JSON.parse(readFileSync(join(EXAMPLE, "package.json"), "utf8"));
    const { fhirclient } = dependencies;
    [relay, browser, consumer] = await Promise.all([
      startRelay(),
      launch(),
      project({ dependencies: { fhirclient }, omit: "optional" }),
    ]);
    for (const name of readdirSync(EXAMPLE).filter((name) => name !== "package.json"))
      cpSync(join(EXAMPLE, name), join(consumer.folder, name), { recursive: true });
    await build({
      entryPoints: ["launch.js", "main.js"].map((name) => join(consumer.folder, "src", name)),
      outdir: join(consumer.folder, "site"),
      bundle: true,
      splitting: true,
      format: "esm",
      logLevel: "error",
    });
    for (const name of ["launch.html", "index.html", "app.css"])
      cpSync(join(consumer.folder, name), join(consumer.folder, "site", name));
    cpSync(
      join(consumer.folder, "node_modules/tessera-portal/dist/core/core.wasm"),
      join(consumer.folder, "site/core.wasm"),
    );
    site = await serve(join(consumer.folder, "site"));
    ehr = await startEhr({ appUrl: site.url });
    const settings = {
      issuers: [ehr.iss],
      clientId: ehr.clientId,
      relay: relay.url,
      filingSecret: randomBytes(32).toString("base64url"),
    };
    writeFileSync(join(consumer.folder, "site/settings.json"), JSON.stringify(settings));
    const person = (text, birthDate) => ({ resourceType: "Patient", name: [{ text }], birthDate });
    patient = await ehr.create(person("Ana Gómez", "1961-04-02"));
    other = await ehr.create(person("Luis Ortega", "1958-11-20"));
    practitioner = await ehr.create({ resourceType: "Practitioner", name: [{ text: "Dr. Rivera" }] });
    context = await browser.newContext();
    context.setDefaultTimeout(120_000);
  });
  after(async () => {
    await ana?.dispose();
    await browser?.close();
    site?.stop();
    await ehr?.stop();
    await relay?.end();
    consumer?.remove();
  });

  /** Opens the EHR's page, and the app from it. */
  async function open(subject, encounter) {
    const record = await context.newPage();
    await record.goto(ehr.launchPage({ patient: subject, encounter, user: practitioner }));
    const opened = context.waitForEvent("page");
    await record.click("#launch");
    const app = await opened;
    await app.waitForURL(`${site.url}/index.html`);
    await app.waitForSelector("#unlock:visible");
    return { record, app };
  }

  async function unlock(app, name = "") {
    await app.fill("[name=name]", name);
    await app.fill("#unlock [name=passphrase]", PASSPHRASE);
    await app.click("#unlock button");
    await app.waitForSelector("#choose", { state: "visible" });
  }

  async function choose(app) {
    await app.selectOption("#choose select", { label: "Ana Gómez" });
    await app.click("#choose button");
    await app.waitForSelector("#record:visible");
  }

  const line = (app, text) => app.locator("#messages li", { hasText: text });
  const status = async (app, pattern) => {
    await app.waitForFunction(
      (source) => new RegExp(source).test(document.querySelector("#status").textContent),
      pattern,
    );
    return app.textContent("#status");
  };

  test("launches with PKCE, keeps tokens in memory only, and files what was written, once", async () => {
    const { app } = await open(patient);
    const toRelay = [];
    app.on("request", (request) => {
      if (request.url().startsWith(relay.url))
        toRelay.push(
          `${request.url()} ${JSON.stringify(request.headers())} ${request.postDataBuffer()?.toString("latin1")}`,
        );
    });
    assert.equal(await app.textContent("#patient"), "Ana Gómez, born 1961-04-02", "the banner that the EHR asked for");
    assert.equal(new URL(app.url()).search, "", "neither code nor state stays in the address");

    await unlock(app, "Dr. Rivera");
    ana = await Portal.open({
      relay: relay.url,
      store: memoryStore(),
      passphrase: "p",
      name: "Ana Gómez",
      create: true,
    });
    await ana.start();
    await app.getByTestId("add-contact").click();
    await app.getByTestId("invite-qr").click();
    const contact = await ana.accept(await app.getByTestId("invitation-text").inputValue());
    const { sas } = await until("the digits", async () => (await ana.contacts()).find(({ sas }) => sas !== null));
    await app.getByTestId("sas-input").fill(sas);
    await ana.confirmSas(contact.id);
    await app.waitForFunction(() => document.querySelector("#choose select").options.length === 1);
    await choose(app);
    await ana.send(contact.id, { text: WORDS });
    await app.getByTestId("compose-text").fill(ANSWER);
    await app.getByTestId("compose-send").click();

    for (const text of [WORDS, ANSWER, WORDS, ANSWER]) {
      await line(app, text)
        .getByText(/^File( again)?$/)
        .click();
      assert.equal(await status(app, "^(Filed|It did not)"), "Filed in the record.");
      await app.evaluate(() => {
        document.querySelector("#status").textContent = "";
      });
    }
    const filed = await ehr.search("Communication?_count=50");
    const said = filed.map(({ subject, sender, recipient, payload: [{ contentAttachment }] }) => [
      Buffer.from(contentAttachment.data, "base64").toString(),
      subject.reference,
      sender.reference,
      recipient[0].reference,
    ]);
    assert.deepEqual(said.sort(), [
      [ANSWER, patient, practitioner, patient],
      [WORDS, patient, patient, practitioner],
    ]);
    const [{ signature, target }] = await ehr.search("Provenance");
    assert.match(target[0].reference, /^Communication\//);
    assert.ok(signature[0].data.length > 100, "the evidence of who wrote it");
    assert.deepEqual(ehr.refusals, []);

    const kept = await app.evaluate(async () => JSON.stringify([{ ...sessionStorage }, { ...localStorage }]));
    assert.doesNotMatch(kept, /access_token|codeVerifier|Bearer/);
    assert.ok(!kept.includes(patient.split("/")[1]), "nor is the patient stored");
    assert.ok(toRelay.length > 0);
    // Long enough that sealed bytes do not say them by chance.
    const secrets = [patient.split("/")[1], practitioner.split("/")[1], "Bearer", "Ana Gómez", WORDS];
    assert.ok(secrets.every(({ length }) => length >= 6));
    const inBytes = (secret) => Buffer.from(secret).toString("latin1");
    assert.deepEqual(
      secrets.filter((secret) => toRelay.some((request) => request.includes(inBytes(secret)))),
      [],
      "the context never goes to the relay",
    );
  });

  test("a message goes to the EHR's scratchpad by a click, and the EHR is told when the person is done", async () => {
    const { record, app } = await open(patient);
    await unlock(app);
    await choose(app);
    await line(app, WORDS).getByText("Put in a draft of the record").click();
    assert.equal(await status(app, "draft|did not"), "A draft is at Communication/draft-1.");
    await app.click("#done");
    await record.waitForFunction(() => received.length === 2);
    const [draft, done] = await record.evaluate(() => received);
    assert.equal(draft.messageType, "scratchpad.create");
    const { status: state, subject, payload } = draft.payload.resource;
    assert.deepEqual([state, subject.reference, payload[0].contentString], ["preparation", patient, WORDS]);
    assert.equal(done.messageType, "ui.done");
    await app.close();
    await record.close();
  });

  test("another launch closes the conversation", async () => {
    const first = await open(patient);
    await unlock(first.app);
    await choose(first.app);
    await line(first.app, WORDS).waitFor();
    const second = await open(other);
    assert.match(await status(first.app, "another patient"), /another patient/);
    assert.doesNotMatch(await first.app.textContent("body"), /Ana|swollen/);
    assert.equal(await first.app.locator("tessera-portal").count(), 0);
    assert.equal(await second.app.textContent("#patient"), "Luis Ortega, born 1958-11-20");
    await unlock(second.app);
    for (const { record, app } of [first, second]) await Promise.all([record.close(), app.close()]);
  });

  test("a reload needs another launch, for there is no token", async () => {
    const { app } = await open(patient);
    await app.reload();
    assert.match(await status(app, "did not work"), /launch the app/);
    assert.equal(await app.locator("#unlock").isVisible(), false);
    await app.close();
  });

  test("only servers of the settings are asked, and the address overrides nothing", async () => {
    const page = await context.newPage();
    const asked = [];
    page.on("request", (request) => asked.push(new URL(request.url()).origin));
    const iss = encodeURIComponent(ehr.iss);
    for (const query of [
      `iss=${encodeURIComponent("http://127.0.0.1:9/fhir")}&launch=x`,
      `iss=${iss}`,
      `iss=${iss}&launch=x&clientId=another`,
      `iss=${iss}&launch=x&fhirServiceUrl=${encodeURIComponent("http://127.0.0.1:9")}`,
    ]) {
      await page.goto(`${site.url}/launch.html?${query}`);
      assert.match(await status(page, "could not be opened"), /^This page could not be opened/);
    }
    assert.deepEqual([...new Set(asked)], [site.url]);
    await page.close();
  });

  test("the authorization server of these tests refuses a wrong verifier, a second use of a code, and other scopes", async () => {
    const authorize = (more) => {
      const launched = new URL(ehr.launchPage({ patient, user: practitioner }));
      const query = {
        response_type: "code",
        client_id: ehr.clientId,
        aud: ehr.iss,
        redirect_uri: `${site.url}/index.html`,
        scope: "openid launch",
        state: "s",
        code_challenge_method: "S256",
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", // RFC 7636, appendix B
        launch: launched.searchParams.get("launch"),
        ...more,
      };
      return fetch(new URL(`/authorize?${new URLSearchParams(query)}`, ehr.iss), { redirect: "manual" });
    };
    const token = async (answer, code_verifier) => {
      const code = new URL(answer.headers.get("location")).searchParams.get("code");
      const form = { grant_type: "authorization_code", client_id: ehr.clientId, code, code_verifier };
      const body = new URLSearchParams({ ...form, redirect_uri: `${site.url}/index.html` });
      return () => fetch(new URL("/token", ehr.iss), { method: "POST", body }).then(({ status }) => status);
    };
    const right = await token(await authorize(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert.deepEqual([await right(), await right()], [200, 400]);
    assert.equal(await (await token(await authorize(), "wrong"))(), 400);
    for (const more of [
      { scope: "user/*.*" },
      { code_challenge_method: "plain" },
      { launch: "x" },
      { aud: "https://x" },
    ])
      assert.equal((await authorize(more)).status, 400);
  });
});
