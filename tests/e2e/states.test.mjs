// States of the hospital's pages, from real portals over a real relay, in every look: see support/looks.mjs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { begin, choose, incoming, invite, write } from "./support/hospital.mjs";
import { findings, indexPictures, inLooks, PICTURES } from "./support/looks.mjs";
import { DESK, openProfile, PHONE } from "./support/profile.mjs";
import { startRelay } from "./support/relay.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  console.log(`${await indexPictures()} pictures in ${PICTURES}`);
});
const nothingFound = () => assert.deepEqual(findings.splice(0), []);

describe("a patient and a clinician", () => {
  let relay, desk, phone;
  before(async () => {
    relay = await startRelay({ "cells-per-bucket": 8 });
    desk = await openProfile(browser, `${relay.url}/desk`, { device: DESK });
    phone = await openProfile(browser, `${relay.url}/`, { device: PHONE });
  });
  after(async () => {
    await Promise.all([desk?.close(), phone?.close()]);
    await relay?.end();
  });

  test("from the first visit to the first message", async () => {
    await phone.page.getByTestId("first-passphrase").waitFor();
    await inLooks(phone.page, "patient-first", { focus: false });
    await desk.page.getByTestId("inbox-empty").waitFor();
    await inLooks(desk.page, "desk-empty", { focus: false });
    await invite(desk.page, "link");
    const link = await invite(desk.page);
    await inLooks(desk.page, "desk-connect");
    await inLooks(desk.page, "desk-connect-code", {
      prepare: () => desk.page.getByTestId("invitation-qr").first().scrollIntoViewIfNeeded(),
    });
    await phone.page.goto(link.slice(0, -20));
    await phone.page.getByTestId("offer-fault").waitFor();
    await inLooks(phone.page, "patient-invited-cut");
    await phone.page.goto("about:blank");
    await phone.page.goto(link);
    await phone.page.getByTestId("first-passphrase").waitFor();
    await inLooks(phone.page, "patient-invited");
    await begin(phone.page);
    await phone.page.getByTestId("sas").waitFor();
    await inLooks(phone.page, "patient-digits");
    const digits = await phone.page.getByTestId("sas").getAttribute("data-digits");
    await desk.page.getByTestId("sas-input").waitFor();
    await inLooks(desk.page, "desk-digits");
    await desk.page.getByTestId("sas-input").fill(digits === "000000" ? "111111" : "000000");
    await desk.page.getByTestId("sas-error").filter({ hasText: /\w/ }).waitFor();
    await inLooks(desk.page, "desk-digits-wrong");
    await desk.page.getByTestId("sas-input").fill(digits);
    await desk.page.getByTestId("compose-text").waitFor();
    await write(desk.page, "Good morning, Ana. This waits until you have checked who I am.");
    await phone.page.locator('[data-testid="message"][data-state="held"]').waitFor();
    await inLooks(phone.page, "patient-held");
    await phone.page.getByTestId("sas-match").click();
    await incoming(phone.page).first().waitFor();
    await inLooks(phone.page, "patient-thread-short");
  });

  test("no look had a finding", nothingFound);

  test("no page reported an error", () => {
    const expected = /^Failed to load resource|^WebSocket connection/;
    assert.deepEqual(
      [...desk.complaints, ...phone.complaints].filter((line) => !expected.test(line)),
      [],
    );
  });
});

describe("other pages", () => {
  let relay;
  before(async () => {
    relay = await startRelay();
  });
  after(() => relay?.end());

  test("protected text", async () => {
    const { page, close } = await openProfile(browser, `${relay.url}/text`);
    await page.getByTestId("text-secret").waitFor();
    await inLooks(page, "text-start", { focus: false });
    await page.getByTestId("text-secret").fill("a long random text from the visit, 0123456789");
    await page.getByTestId("text-use").click();
    await page.getByTestId("text-note").fill("Recheck HbA1c in 3 months.");
    await page.getByTestId("text-seal").click();
    await page.getByTestId("text-paste").fill(await page.getByTestId("text-sealed").inputValue());
    await page.getByTestId("text-open").click();
    await page.getByTestId("text-opened").waitFor();
    await inLooks(page, "text-opened");
    await close();
  });

  test("three people on one screen", async () => {
    const { page, close } = await openProfile(browser, `${relay.url}/stage.html`);
    await page.getByTestId("inbox-empty").nth(2).waitFor();
    await inLooks(page, "stage", { focus: false });
    await close();
  });

  test("verifying a log", async () => {
    const { page, close } = await openProfile(browser, `${relay.url}/desk`);
    await page.getByTestId("inbox-empty").waitFor();
    await choose(page, "open-log");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByTestId("log-export-ndjson").click(),
    ]);
    const log = await readFile(await download.path());
    await page.goto(`${relay.url}/verify.html`);
    await page.locator("#file-export").waitFor({ state: "attached" });
    await inLooks(page, "verify-start", { focus: false });
    const give = (buffer) =>
      page
        .locator("#file-export")
        .setInputFiles({ name: "audit-log.ndjson", mimeType: "application/x-ndjson", buffer });
    await give(log);
    await page.locator('[data-testid="verdict"][data-valid="true"]').waitFor();
    await inLooks(page, "verify-intact", { focus: false });
    const broken = Buffer.from(log);
    broken[broken.indexOf('"time":') + 8] ^= 1;
    await give(broken);
    await page.locator('[data-testid="verdict"][data-valid="false"]').waitFor();
    await inLooks(page, "verify-broken", { focus: false });
    await close();
  });

  test("no look had a finding", nothingFound);
});
