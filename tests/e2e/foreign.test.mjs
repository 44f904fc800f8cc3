// Foreign data on the screen: whatever one person sends, every other message stays readable.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { launch, openPortal } from "./support/browser.mjs";
import { readResult } from "../../pkg/dist/fhir/index.js";
import { arbitrary, HOSTILE } from "../../pkg/test/foreign.mjs";
import { enrol, Person } from "./support/person.mjs";
import { startRelay } from "./support/relay.mjs";
import { openElements } from "./support/drawn.mjs";

const ROUNDS = 600;
const FOLDER = new URL("../data/fhir/cases/", import.meta.url);
const CASES = (await readdir(FOLDER)).filter((name) => name.endsWith(".json") && name !== "expected.json");

/** In the page: draws a message with these bytes, and tells its text and what a document must not bring in. */
async function draw({ bytes, lang }) {
  const { drawThread, messageOf } = globalThis;
  const body = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
  const root = await drawThread(
    [messageOf("m", { file: { contentType: "application/fhir+json", bytes: body } })],
    lang,
  );
  const result = root.querySelector('[data-testid="result"]');
  return {
    text: result.textContent,
    foreign: result.querySelectorAll("script, img, iframe, object, style, link, a").length,
  };
}

describe("foreign data", () => {
  let browser;
  before(async () => {
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
  });

  test("no document, name, label, type or time of one message hides the messages around it", async () => {
    const { page, complaints, close } = await openElements(browser);
    const seed = 20_240_501;
    const foreign = [...HOSTILE.map(([, document]) => ({ document })), ...arbitrary(seed, ROUNDS)];
    const broken = await page.evaluate(async (cases) => {
      const { drawThread, messageOf } = globalThis;
      const encode = (text) => new TextEncoder().encode(text);
      const broken = [];
      for (const [
        index,
        { document, contentType = "application/fhir+json", filename = null, ...more },
      ] of cases.entries()) {
        try {
          const root = await drawThread([
            messageOf("before", { text: "Take it twice a day." }),
            messageOf("foreign", { file: { contentType, filename, bytes: encode(document) }, ...more }),
            messageOf("after", { text: "STOP WARFARIN" }),
          ]);
          const shown = [...root.querySelectorAll('[data-testid="message"]')];
          const texts = [...root.querySelectorAll('[data-testid="message-text"]')];
          const foreign = shown.find((item) => item.dataset.id === "foreign");
          const save = foreign?.querySelector('[data-testid="download"]');
          if (shown.length !== 3 || !save || !texts.some((text) => text.textContent === "STOP WARFARIN"))
            broken.push(String(index));
        } catch (error) {
          broken.push(`${index}: ${error}`);
        }
      }
      return broken;
    }, foreign);
    assert.deepEqual(
      broken.map((index) => foreign[Number.parseInt(index, 10)]),
      [],
      `seed ${seed}: ${broken.slice(0, 3).join("; ")}`,
    );
    assert.deepEqual(complaints, []);
    await close();
  });

  test("every published result is drawn in both languages: all of its rows, none of its markup", async () => {
    const { page, complaints, close } = await openElements(browser, { timezoneId: "UTC" });
    const letters = (phrase) => (phrase ?? []).map((part) => (typeof part === "string" ? part : part.text)).join("");
    for (const name of CASES) {
      const bytes = await readFile(new URL(name, FOLDER));
      for (const lang of ["en", "es"]) {
        const drawn = await page.evaluate(draw, { bytes: bytes.toString("base64"), lang });
        const { reports, warnings } = readResult(bytes, { lang, timeZone: "UTC" });
        const parts = reports.flatMap(({ title, rows, facts, findings }) => [
          title,
          ...facts.map(({ content }) => content),
          ...findings.map(({ content }) => content),
          ...rows.flatMap((row) => [row.name, row.value, row.statusText, ...row.flags.map(({ words }) => words)]),
          ...rows.flatMap(({ lines }) => lines.map(({ content }) => content)),
        ]);
        for (const part of [...warnings, ...parts])
          assert.ok(drawn.text.includes(letters(part)), `${name}, ${lang}: ${letters(part)}`);
        assert.equal(drawn.foreign, 0, `${name}: an element of the document`);
      }
    }
    assert.deepEqual(complaints, []);
    await close();
  });

  test("after attachments that break a reader, the next message is there, and again after a reload", async (t) => {
    // The largest of them is 80 cells, for one bucket.
    const relay = await startRelay({ "cells-per-bucket": 8 });
    t.after(() => relay.end());
    const portal = await openPortal(browser, `${relay.url}/stage.html`);
    t.after(() => portal.close());
    const ana = await new Person(portal.page, "patient").ready();
    const lab = await new Person(portal.page, "lab").ready();
    const rivera = await new Person(portal.page, "clinician").ready();
    await enrol(ana, lab);
    await enrol(ana, rivera);
    for (const [name, document] of HOSTILE.slice(0, 3))
      await lab.attach(ana.name, { name, mimeType: "application/fhir+json", buffer: Buffer.from(document) });
    await rivera.write(ana.name, "STOP WARFARIN");
    await ana.receives(rivera.name, "STOP WARFARIN");
    await ana.open(lab.name);
    await ana.message("in", null, "verified").nth(2).waitFor({ timeout: 60_000 });
    await portal.page.reload();
    await ana.locked();
    await ana.unlock();
    await ana.receives(rivera.name, "STOP WARFARIN");
    await ana.open(lab.name);
    assert.equal(await ana.message("in", null, "verified").getByTestId("download").count(), 3);
    assert.deepEqual(portal.complaints, []);
  });
});
