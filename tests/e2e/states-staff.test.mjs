// States of the pages of staff: a laboratory's outbox, a desk of many patients, the security officer.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../node/until.mjs";
import { launch } from "./support/browser.mjs";
import { defineHelpers } from "./support/drawn.mjs";
import { connect, STAFF, unlock } from "./support/hospital.mjs";
import { findings, indexPictures, inLooks } from "./support/looks.mjs";
import { DESK, openProfile, PHONE } from "./support/profile.mjs";
import { DEPLOYED, startRelay } from "./support/relay.mjs";

let browser, relay;
before(async () => {
  browser = await launch();
  relay = await startRelay({ ...DEPLOYED, "cells-per-bucket": 8 });
});
after(async () => {
  await browser?.close();
  await relay?.end();
  await indexPictures();
});
const nothingFound = () => assert.deepEqual(findings.splice(0), []);

describe("a laboratory", () => {
  let lab, phone;
  before(async () => {
    lab = await openProfile(browser, `${relay.url}/lab`);
    phone = await openProfile(browser, "about:blank", { device: PHONE });
  });
  after(() => Promise.all([lab?.close(), phone?.close()]));

  test("from nobody to an outbox", async () => {
    const { page } = lab;
    await page.getByTestId("lab-connect").waitFor();
    await inLooks(page, "lab-empty", { focus: false });
    await connect(page, phone.page);
    const rows = page.getByTestId("outbox-row");
    const row = (state) => page.locator(`[data-testid="outbox-row"][data-state="${state}"]`);
    await page.locator('[data-testid="send-result"][data-file="potassium-critical.json"]').click();
    await page.locator('[data-testid="send-result"][data-file="hba1c.json"]').click();
    await row("delivered").nth(1).waitFor();
    await page.getByTestId("send-file").setInputFiles({
      name: "whole slide image.tiff",
      mimeType: "image/tiff",
      buffer: Buffer.alloc(400_000),
    });
    await row("failed").waitFor();
    await relay.kill();
    await page.locator('[data-testid="relay-state"][data-relay="down"]').waitFor({ state: "attached" });
    const queued = (file) => row("queued").filter({ hasText: file });
    for (const file of ["creatinine-corrected.json", "urine-culture-preliminary.json"]) {
      await page.locator(`[data-testid="send-result"][data-file="${file}"]`).click();
      await queued(file).waitFor();
    }
    // The first may be in the slot that is being posted.
    await queued("urine-culture-preliminary.json").getByTestId("take-back").click();
    await row("cancelled").waitFor();
    assert.equal(await rows.count(), 5);
    await inLooks(page, "lab-outbox");
    // As after eight hours without use: the page of a laboratory has no button for it.
    await page.locator("tessera-portal").evaluate((element) => element.portal.vault.lock());
    await page.getByRole("heading", { name: "Outbox" }).waitFor({ state: "hidden" });
    assert.equal(await rows.count(), 0, "no name and no result stays on a locked page");
    assert.equal(await page.getByTestId("restore-details").count(), 0, "the vault is the host's");
    await unlock(page, STAFF);
    await rows.nth(4).waitFor();
    assert.equal(await row("failed").count(), 1, "what was not sent is still said");
    await relay.up();
    await row("delivered").nth(2).waitFor();
  });

  test("a result that leaves already cannot be taken back", async () => {
    const { page, context } = lab;
    const posts = [];
    let holds = true;
    const post = () => until("a post", () => posts.shift());
    await context.route("**/v1/cells", (route) => (holds ? posts.push(route) : route.continue()));
    const before = await post();
    await page.locator('[data-testid="send-result"][data-file="hba1c.json"]').click();
    const row = page.locator('[data-testid="outbox-row"][data-state="queued"]');
    await row.waitFor();
    await before.continue();
    const leaving = await post(); // It was made after the result was sent.
    await row.getByTestId("take-back").click();
    await row.getByText("It is being sent now and cannot be taken back").waitFor();
    holds = false;
    await leaving.continue();
    await row.waitFor({ state: "detached" });
  });

  test("the outbox moves to another tab, and leaves the first", async () => {
    const { page, context } = lab;
    const other = await context.newPage();
    await other.goto(page.url());
    await other.getByRole("button", { name: "Move here" }).click();
    await other.getByTestId("outbox-row").nth(4).waitFor();
    const left = page.locator('[data-testid="lock-view"][data-access="elsewhere"]');
    await left.getByRole("button", { name: "Reload this page" }).waitFor();
    await page.getByTestId("outbox-row").first().waitFor({ state: "detached" });
    for (const offer of ["passphrase", "start-over-details", "restore-details"])
      assert.equal(await left.getByTestId(offer).count(), 0, "the vault is the host's");
    await other.close();
  });

  test("no look had a finding", nothingFound);
});

describe("a desk with many patients", () => {
  let desk;
  before(async () => {
    desk = await openProfile(browser, "about:blank", { device: DESK });
  });
  after(() => desk?.close());

  test("patients connect and write by themselves, as many as the address says", async () => {
    const { page } = desk;
    await page.goto(`${relay.url}/desk?people=3`);
    await page.waitForURL(`${relay.url}/desk`);
    await unlock(page, STAFF);
    await page.getByTestId("contact").nth(2).waitFor();
    assert.equal(await page.locator('[data-testid="contact"][data-state="active"]').count(), 3);
    assert.deepEqual(desk.complaints, []);
  });

  test("the security officer's page", async () => {
    const { page } = desk;
    await page.goto(`${relay.url}/officer`);
    await unlock(page, STAFF);
    await page.getByTestId("belief").waitFor();
    await inLooks(page, "officer");
    const technical = page.getByTestId("technical");
    await technical.locator("summary").click();
    await inLooks(page, "officer-detail", {
      prepare: () => technical.evaluate((details) => details.scrollIntoView({ block: "start" })),
    });
  });

  test("a list of sixty, one of them, and one that is searched for", async () => {
    const { page } = desk;
    await page.goto(`${relay.url}/desk`);
    await page.getByTestId("passphrase").waitFor();
    await page.evaluate(defineHelpers);
    await page.evaluate(drawDesk, NAMES);
    await page
      .getByTestId("contact")
      .nth(NAMES.length - 1)
      .waitFor({ state: "attached" });
    await inLooks(page, "desk-many", { focus: false });
    await page.locator('[data-testid="contact"][data-state="active"]').first().click();
    await page.getByTestId("compose-text").waitFor();
    await inLooks(page, "desk-many-thread");
    await page.getByTestId("back").click();
    await page.getByTestId("search").fill("lefevre");
    await inLooks(page, "desk-many-search");
  });

  test("no look had a finding", nothingFound);
});

/** Sixty names, as in any city. */
const NAMES = [
  ...["محمد العلي", "李小龙", "Дарья Соколова", "ישראל כהן", "田中 さくら", "Zoë", "Nguyễn Thị Minh Khai"],
  ...["Jean-Baptiste Lefèvre", "Adolph Wolfeschlegelsteinhausenbergerdorff"],
  ...["Ana", "Luis", "María José", "Thomas", "Aisha", "Kofi", "Sofía", "Priya", "Mateo", "Ingrid", "Yusuf", "Grace"]
    .flatMap((first) => ["Delgado", "Adeyemi", "Petrova", "Zhang", "Brennan"].map((last) => `${first} ${last}`))
    .slice(0, 51),
];

/** In the desk's page: its element on a portal of the test's own. Some are not checked, one is blocked, some wait for an answer. */
function drawDesk(names) {
  const contacts = names.map((name, n) => {
    const state = n % 15 === 14 ? "pending" : n === 28 ? "suspect" : "active";
    const more = { pending: { sas: "490617", verified: null }, suspect: { verified: null } };
    return { ...window.lab, id: `c${n}`, name, state, ...more[state] };
  });
  const notes = [
    "The new tablets make me dizzy in the morning.",
    "¿Puedo tomar ibuprofeno con la metformina?",
    "My blood pressure was 152/95 this morning, 148/92 last night.",
    "When do I get the result of my blood test?",
  ];
  const now = Math.floor(Date.now() / 1000);
  const messages = contacts
    .filter(({ state }) => state === "active")
    .flatMap(({ id }, n) => {
      const time = now - n * 5_400;
      const note = { contactId: id, text: notes[n % 4], sentAt: time, receivedAt: time, read: n > 2 };
      const answer = { contactId: id, text: "Thank you. Please write it down for a week.", sentAt: time + 60 };
      return [
        window.messageOf(`${id}-in`, note),
        ...(n % 3 === 2
          ? [window.messageOf(`${id}-out`, { ...answer, receivedAt: null, direction: "out", state: "delivered" })]
          : []),
      ];
    });
  const old = document.querySelector("tessera-portal");
  const drawn = document.createElement("tessera-portal");
  for (const { name, value } of old.attributes)
    if (!["relay", "vault", "class"].includes(name)) drawn.setAttribute(name, value);
  drawn.portal = Object.assign(window.portalWith(messages, contacts), {
    me: async () => ({ name: "Dr. Rivera", fingerprintQrSvg: "" }),
  });
  old.replaceWith(drawn);
}
