// What the browser prints, as PDF: a recovery sheet, emergency cards, a conversation with photos and a result.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { choose, connected, incoming, PASSPHRASE, photograph, result, write } from "./support/hospital.mjs";
import { PICTURES } from "./support/looks.mjs";
import { startRelay } from "./support/relay.mjs";
import { until } from "../node/until.mjs";

let relay, browser;
before(async () => {
  relay = await startRelay({ "cells-per-bucket": 8 });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

/**
 * Presses a button that prints. Without a window the browser would wait in `print()` for somebody to answer, so the page
 * only notes that it was asked; the PDF is then what it would have printed.
 */
async function askToPrint(page, testid) {
  await page.evaluate(() => {
    window.asked = 0;
    window.print = () => {
      window.asked += 1;
    };
  });
  await page.getByTestId(testid).first().click();
  await until("the browser to be asked", () => page.evaluate(() => window.asked === 1));
}

/** Gives the number of pictures in the PDF, and the words of what was printed. */
async function printed(page, testid, name) {
  await askToPrint(page, testid);
  const words = await page.locator(".tessera-paper").evaluate(({ shadowRoot }) => shadowRoot.textContent);
  const pdf = await page.pdf({ format: "A4", preferCSSPageSize: true });
  await mkdir(PICTURES, { recursive: true });
  await writeFile(`${PICTURES}/${name}.pdf`, pdf);
  await until("the paper to be gone", async () => (await page.locator(".tessera-paper").count()) === 0);
  return { words, pictures: pdf.toString("latin1").match(/\/Subtype \/Image\b/g)?.length ?? 0 };
}

test("sheets and a conversation are printed alone, with their pictures, and leave the page afterwards", async () => {
  const { desk, phone } = await connected(browser, relay);
  const { page } = phone;
  const buffer = Buffer.from(await page.evaluate(photograph), "base64");
  for (const name of ["monday.jpg", "friday.jpg"])
    await write(page, `My arm on ${name.split(".")[0]}.`, [{ name, mimeType: "image/jpeg", buffer }]);
  await write(desk.page, "", [result("potassium-critical.json")]);
  await incoming(page).getByTestId("result").waitFor();
  await page.getByTestId("open-person").click();
  const thread = await printed(page, "print-thread", "print-thread");
  assert.equal(thread.pictures, 2, "photos are printed as photos");
  assert.match(thread.words, /Messages with Dr\. Rivera[\s\S]*My arm on monday\.[\s\S]*monday\.jpg[\s\S]*Potassium/);

  await choose(page, "open-safety");
  for (const [make, sheet, name, words] of [
    ["create-code", "code-sheet", "print-recovery-sheet", /Riverside Clinic[\s\S]*Recovery code of Ana Gómez/],
    ["create-shares", "share-sheet", "print-emergency-cards", /Emergency card 1 of 3[\s\S]*Emergency card 3 of 3/],
  ]) {
    await page.getByTestId(make).click();
    await page.getByTestId("dialog-passphrase").fill(PASSPHRASE);
    await page.getByTestId("dialog-do").click();
    await page.getByTestId(sheet).waitFor();
    assert.match((await printed(page, "print", name)).words, words);
    await page.getByTestId("clear-sheet").click();
  }

  // A browser that never says that printing is over: a lock takes the paper away.
  await choose(page, "open-inbox");
  await page.getByTestId("contact").click();
  await page.getByTestId("open-person").click();
  await askToPrint(page, "print-thread");
  assert.equal(await page.locator(".tessera-paper").count(), 1);
  await choose(page, "lock");
  await page.getByTestId("lock-view").waitFor();
  assert.equal(await page.locator(".tessera-paper").count(), 0);
  assert.deepEqual([...desk.complaints, ...phone.complaints], []);
  await Promise.all([desk.close(), phone.close()]);
});
