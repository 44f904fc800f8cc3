// The access log in a person's portal, and the page that verifies its export: real browser, real relay.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { launch, openPortal } from "./support/browser.mjs";
import { enrol, Person } from "./support/person.mjs";
import { startRelay } from "./support/relay.mjs";

const INSTRUCTION = "Continue metformin 500mg BID; recheck HbA1c in 3 months.";

describe("the access log", () => {
  let relay, browser;
  before(async () => {
    relay = await startRelay();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await relay?.end();
  });

  /** Clicks, and gives the file that it hands over. */
  async function file(page, control) {
    const [download] = await Promise.all([page.waitForEvent("download"), control.click()]);
    const path = await download.path();
    return { name: download.suggestedFilename(), mimeType: "application/octet-stream", buffer: await readFile(path) };
  }

  test("a person verifies and exports the log, and an auditor verifies the file on a page that sends nothing", async (t) => {
    const portal = await openPortal(browser, `${relay.url}/stage.html`);
    const { page } = portal;
    const rivera = await new Person(page, "clinician").ready();
    const ana = await new Person(page, "patient").ready();
    await enrol(rivera, ana, "link");
    await rivera.write(ana.name, INSTRUCTION, "visit-7421");
    await rivera.sees(ana.name, INSTRUCTION, "delivered");
    await rivera.choose("open-log");
    const items = rivera.pane.getByTestId("log-item");
    await rivera.pane.locator('[data-testid="log-item"][data-event="delivered"]').waitFor();
    const words = await items.allTextContents();
    assert.ok(
      words.some((text) => text.includes("Written to Ana Gómez") && text.includes("visit-7421")),
      words.join("\n"),
    );
    assert.ok(words.every((text) => !text.includes("metformin")));
    await rivera.pane.getByTestId("log-verify").click();
    await rivera.pane.locator('[data-testid="outcome"][data-state="done"]').waitFor();
    assert.match(await rivera.pane.getByTestId("outcome").innerText(), /^All \d+ entries are as they were written\.$/);
    if (process.env.TESSERA_SCREENSHOTS)
      await page.screenshot({ path: `${process.env.TESSERA_SCREENSHOTS}/access-log.png` });
    const checkpoint = await file(page, rivera.pane.getByTestId("log-checkpoint"));
    const exported = await file(page, rivera.pane.getByTestId("log-export-ndjson"));
    const table = await file(page, rivera.pane.getByTestId("log-export-csv"));
    const bundle = await file(page, rivera.pane.getByTestId("log-export-fhir"));
    assert.deepEqual(
      [exported.name, table.name, bundle.name],
      ["audit-log.ndjson", "audit-log.csv", "audit-log.fhir.json"],
    );
    assert.equal(JSON.parse(bundle.buffer).resourceType, "Bundle");
    assert.match(table.buffer.toString(), /^\ufeffindex,time,event,[\s\S]*\r\n$/);

    const verifier = await openPortal(browser, `${relay.url}/verify.html`);
    const requests = [];
    verifier.page.on("request", (request) => requests.push(request));
    const verdict = verifier.page.getByTestId("verdict");
    await verifier.page.getByTestId("file-export").setInputFiles(exported);
    await verdict.waitFor();
    assert.equal(await verdict.innerText(), "Consistent in itself");
    await verifier.page.getByTestId("file-kept").setInputFiles(checkpoint);
    const fixed = Number(/-(\d+)\./.exec(checkpoint.name)[1]);
    await verifier.page.locator(`[data-testid="verdict"][data-fixed="${fixed}"]`).waitFor();
    await verifier.page.getByTestId("lang-es").click();
    assert.equal(await verdict.innerText(), `Verificado hasta la entrada ${fixed}`);
    const edited = { ...exported, buffer: Buffer.from(exported.buffer.toString().replace("visit-7421", "visit-7422")) };
    await verifier.page.getByTestId("file-export").setInputFiles(edited);
    await verifier.page.locator('[data-valid="false"][data-problem="broken"]').waitFor();
    // Only the page's own files were fetched, and nothing was posted.
    for (const request of requests) {
      assert.deepEqual([request.method(), new URL(request.url()).origin], ["GET", relay.url]);
      assert.match(new URL(request.url()).pathname, /^\/(assets\/[\w.-]+|favicon\.svg)$/);
    }
    assert.deepEqual([...portal.complaints, ...verifier.complaints], []);
    t.diagnostic(`${words.length} entries`);
    await Promise.all([portal.close(), verifier.close()]);
  });

  test("the page verifies who wrote a message, and names what that does not prove", async () => {
    const cases = JSON.parse(await readFile(new URL("../data/evidence/evidence.json", import.meta.url)));
    const named = (wanted) => cases.find(({ name }) => name === wanted);
    const { page, complaints, close } = await openPortal(browser, `${relay.url}/verify.html`);
    const choose = async ({ evidence, body }) => {
      for (const [id, hex] of Object.entries({ evidence, body }))
        await page
          .getByTestId(`file-${id}`)
          .setInputFiles({ name: id, mimeType: "application/octet-stream", buffer: Buffer.from(hex, "hex") });
    };
    const result = page.getByTestId("evidence-result");
    const good = named("text, by digits");
    await choose(good);
    await page.locator('[data-testid="evidence-verdict"][data-valid="true"]').waitFor();
    for (const part of [
      good.sender,
      good.recipient,
      "visit-7421",
      "Continue metformin 500mg BID.",
      "compared six digits",
    ])
      assert.ok((await result.innerText()).includes(part), part);
    await page.getByTestId("lang-es").click();
    assert.match(await result.innerText(), /Verificado: lo escribió quien tiene esta clave/);
    await choose({ ...good, body: "00" });
    await page.locator('[data-valid="false"][data-code="NOT_AUTHENTIC"]').waitFor();
    await choose(named("version 2"));
    await page.locator('[data-valid="false"][data-code="MALFORMED"]').waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });

  test("the page keeps its strict content security policy wherever it is served, and works by keyboard on a narrow screen", async () => {
    const response = await fetch(`${relay.url}/verify.html`);
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
    assert.ok((await response.text()).includes(`http-equiv="Content-Security-Policy" content="${policy};`));
    assert.ok(response.headers.get("content-security-policy").startsWith(policy));
    const verifier = await openPortal(browser, `${relay.url}/verify.html`, { width: 360, height: 700 });
    await verifier.page.keyboard.press("Tab");
    await verifier.page.keyboard.press("Tab");
    await verifier.page.keyboard.press("Tab");
    assert.equal(await verifier.page.evaluate(() => document.activeElement.id), "file-export");
    const overflow = await verifier.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${overflow} px too wide`);
    assert.deepEqual(verifier.complaints, []);
    await verifier.close();
  });
});
