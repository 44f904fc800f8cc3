// What a person began survives locks and reloads; photos; and on an honest relay nothing alarms anybody.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../node/until.mjs";
import { holds, launch } from "./support/browser.mjs";
import { PASSPHRASE, STAFF, begin, connected, give, incoming, lock, unlock, write } from "./support/hospital.mjs";
import { openElements } from "./support/drawn.mjs";
import { PHONE, openProfile } from "./support/profile.mjs";
import { startRelay } from "./support/relay.mjs";

let relay, browser;
before(async () => {
  relay = await startRelay({ "cells-per-bucket": 8 });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

/** Counts every warning that the elements of a page tell its host of. */
async function watchAlarms({ context, page }) {
  const alarms = [];
  await context.exposeFunction("tesseraAlarm", (detail) => alarms.push(detail));
  const listen = () =>
    document.addEventListener("tessera-alert", ({ detail }) => {
      if (detail.level !== "info") window.tesseraAlarm(detail);
    });
  await context.addInitScript(listen);
  await page.evaluate(listen);
  return alarms;
}

test("picked files, the text, the visit and the code at the desk survive a lock and a reload; nothing alarms anybody", async () => {
  const { desk, phone } = await connected(browser, relay);
  const alarms = [await watchAlarms(desk), await watchAlarms(phone)];
  const { page } = phone;
  const picked = page.getByTestId("attached");
  await page.getByTestId("compose-text").fill("My knee, from two sides.");
  await give(page, "paste", ["left.png"]);
  await picked.nth(0).waitFor();
  await give(page, "drop", ["right.png"]);
  await picked.nth(1).waitFor();
  const preview = await picked
    .locator("img")
    .first()
    .evaluate((image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight]));
  assert.deepEqual(preview, [1600, 800], "made smaller before it is shown");

  await lock(page);
  const shown = await page.locator("tessera-portal").evaluate(({ shadowRoot }) => shadowRoot.innerHTML);
  for (const word of ["left.jpg", "My knee", "blob:"]) assert.ok(!shown.includes(word), word);
  await unlock(page, PASSPHRASE);
  await picked.nth(1).waitFor();
  await page.reload();
  await unlock(page, PASSPHRASE);
  await picked.nth(1).waitFor();
  const field = page.getByTestId("compose-text");
  await until("the text", async () => (await field.inputValue()) === "My knee, from two sides.");
  assert.deepEqual(await picked.locator("bdi").allInnerTexts(), ["left.jpg", "right.jpg"]);
  await picked.nth(0).getByTestId("detach").click();
  await picked.nth(1).waitFor({ state: "detached" });
  await page.reload();
  await unlock(page, PASSPHRASE);
  assert.deepEqual(await picked.locator("bdi").allInnerTexts(), ["right.jpg"]);
  await page.getByTestId("back").click();
  await page.getByTestId("contact").getByText("Draft").waitFor();
  await page.getByTestId("contact").click();
  await page.getByTestId("compose-send").click();
  await picked.waitFor({ state: "detached" });
  const photo = page.locator('[data-testid="message"][data-direction="out"]').getByTestId("photo");
  await photo.waitFor();
  const message = incoming(desk.page).filter({ hasText: "My knee" });
  await message.getByTestId("photo").waitFor();
  assert.equal(await incoming(desk.page).count(), 1, "the photo and its caption are one message");
  await page.reload();
  await unlock(page, PASSPHRASE);
  await photo.waitFor();
  assert.equal(await picked.count(), 0);

  const visit = desk.page.getByTestId("compose-label");
  await visit.fill("visit-7421");
  await desk.page.getByTestId("add-contact").click();
  await desk.page.getByTestId("invite-qr").click();
  const card = desk.page.getByTestId("invitation");
  const [link, left] = [await card.getByTestId("invitation-text").inputValue(), () => secondsLeft(card)];
  const before = await left();
  const picture = await card.getByTestId("invitation-qr").getAttribute("src");
  await lock(desk.page);
  await unlock(desk.page, STAFF);
  await card.waitFor();
  await desk.page.reload();
  await unlock(desk.page, STAFF);
  await desk.page.getByTestId("add-contact").click();
  assert.equal(await card.getByTestId("invitation-text").inputValue(), link);
  assert.equal(await card.getByTestId("invitation-qr").getAttribute("src"), picture);
  assert.ok((await left()) < before, "the time goes on");
  const second = await openProfile(browser, link.replace("/#", "/?name=Luis%20Ortega#"), { device: PHONE });
  await begin(second.page);
  const sas = second.page.getByTestId("sas");
  await sas.waitFor();
  await desk.page.getByTestId("sas-input").fill(await sas.getAttribute("data-digits"));
  await second.page.getByTestId("sas-match").click();
  await write(second.page, "Good morning.");
  await incoming(desk.page).filter({ hasText: "Good morning." }).waitFor();
  await desk.page.getByTestId("add-contact").click();
  await desk.page.getByTestId("invite-qr").waitFor();
  assert.equal(await card.count(), 0, "an invitation that was answered is gone");

  await desk.page.getByTestId("contact").filter({ hasText: "Ana" }).click();
  assert.equal(await visit.inputValue(), "visit-7421");
  await write(desk.page, "Thank you, Ana.");
  const thanks = incoming(phone.page).filter({ hasText: "Thank you, Ana." });
  assert.equal(await thanks.getByTestId("message-label").textContent(), "visit-7421");
  assert.equal(await visit.inputValue(), "", "the next message may be of another visit");
  await desk.page.locator('[data-testid="message"][data-state="delivered"]').first().waitFor();
  assert.deepEqual(alarms, [[], []]);
  for (const { page: one } of [desk, phone, second]) {
    assert.equal(await one.getByTestId("missing-here").count(), 0);
    assert.equal(await one.locator('.banner[data-level="warn"], .banner[data-level="stop"]').count(), 0);
  }
  await desk.page.getByTestId("checked").waitFor();
  assert.deepEqual([...desk.complaints, ...phone.complaints, ...second.complaints], []);
  await Promise.all([desk.close(), phone.close(), second.close()]);
});

/** Of the countdown: `14:32`. */
async function secondsLeft(card) {
  const [, minutes, seconds] = (await card.locator(".countdown").innerText()).match(/(\d+):(\d+)/);
  return Number(minutes) * 60 + Number(seconds);
}

test("a person's page says how and when they were checked, lists files, and removes only after a question", async () => {
  const { desk, phone } = await connected(browser, relay);
  const { page } = desk;
  await page.getByTestId("compose-file").setInputFiles({
    name: "plan.txt",
    mimeType: "text/plain",
    buffer: Buffer.from("Walk every day."),
  });
  await page.getByTestId("attached").waitFor();
  await page.getByTestId("compose-send").click();
  await page.getByTestId("download").waitFor();
  await page.getByTestId("open-person").click();
  const person = page.getByTestId("person");
  await person.getByTestId("person-file").waitFor();
  const today = new Intl.DateTimeFormat("en-US", { dateStyle: "medium" }).format(new Date());
  assert.ok((await person.getByTestId("how-checked").innerText()).endsWith(`${today}.`));
  assert.ok(await page.getByTestId("composer").isVisible(), "on a wide screen the conversation stays beside it");
  const [download] = await Promise.all([page.waitForEvent("download"), person.getByTestId("person-file").click()]);
  assert.equal(download.suggestedFilename(), "plan.txt");

  // Printing: the paper is what the browser is given, and nothing else of the page.
  await page.evaluate(() => {
    window.print = () => {
      window.printed = document.querySelector(".tessera-paper").shadowRoot.textContent;
      window.dispatchEvent(new Event("afterprint"));
    };
  });
  await person.getByTestId("print-thread").click();
  await holds(page, () => window.printed !== undefined);
  const printed = await page.evaluate(() => window.printed);
  const day = new Intl.DateTimeFormat("en-US", { dateStyle: "full" }).format(new Date());
  for (const words of ["Messages with Ana Gómez", "plan.txt", day]) assert.ok(printed.includes(words), words);
  assert.equal(await page.locator(".tessera-paper").count(), 0);

  await person.getByTestId("remove-person").click();
  await page.getByTestId("dialog-cancel").click();
  await person.getByTestId("remove-person").click();
  await page.getByTestId("dialog-do").click();
  await page.getByTestId("inbox-empty").waitFor();
  assert.deepEqual([...desk.complaints, ...phone.complaints], []);
  await Promise.all([desk.close(), phone.close()]);
});

describe("on portals of a test's own", () => {
  let opened, page;
  before(async () => {
    opened = await openElements(browser);
    page = opened.page;
  });
  after(async () => {
    assert.deepEqual(opened.complaints, []);
    await opened.close();
  });

  /** Draws a portal with one contact; `more` are parts of the portal, `properties` of the element. */
  const draw = ({ messages = [], log = [], properties = {}, seconds = 0, contact = {} }) =>
    page.evaluate(
      async ({ messages, log, properties, seconds, contact }) => {
        const lab = { ...window.lab, name: "Dr. Rivera", ...contact };
        const portal = window.portalWith(
          messages.map(({ id, ...more }) => window.messageOf(id, more)),
          [lab],
        );
        const entries = log.map((entry, index) => ({ index, time: 1_700_000_000 + index, head: "", ...entry }));
        window.sent = [];
        Object.assign(portal, {
          audit: { entries: async ({ before = entries.length } = {}) => entries.slice(0, before) },
          estimate: async () => ({ cells: 9, seconds }),
          send: async (id, message) => {
            window.sent.push({
              id,
              pace: message.pace,
              files: message.attachments.length,
              text: message.text,
              session: message.session,
            });
          },
        });
        const element = document.createElement("tessera-portal");
        Object.assign(element, { portal, phone: "+1 555 0100", ...properties });
        element.style.height = "640px";
        window.heard = [];
        element.addEventListener("tessera-alert", ({ detail }) => window.heard.push(detail));
        element.addEventListener("tessera-unread", ({ detail }) => window.heard.push(detail));
        document.body.replaceChildren(element);
        window.fake = portal;
        await element.updateComplete;
      },
      { messages, log, properties, seconds, contact },
    );

  test("a message that may be missing: what to do, whom to call, nothing green beside it; it stays in its place", async () => {
    await draw({
      messages: [
        { id: "m1", text: "Take one." },
        { id: "m2", text: "Take two.", sentAt: 1_700_000_900, receivedAt: 1_700_000_900 },
      ],
      log: [{ event: "gap", kind: "sequence", contact: "c", from: 3, to: 3, time: 1_700_000_500 }],
    });
    const banner = page.locator('[data-testid="notice"][data-kind="gap"]');
    await banner.waitFor();
    assert.match(
      await banner.innerText(),
      /A message from Dr\. Rivera may be missing\s+Call before you change any medicine\./,
    );
    assert.equal(await banner.getByTestId("call").getAttribute("href"), "tel:+15550100");
    assert.equal(await page.getByTestId("checked").count(), 0);
    const order = await page
      .locator('[data-testid="message"], [data-testid="missing-here"]')
      .evaluateAll((all) => all.map((item) => item.dataset.id ?? "missing"));
    assert.deepEqual(order, ["m1", "missing", "m2"]);
    assert.deepEqual(await page.evaluate(() => window.heard), [{ count: 0 }, { kind: "missing", level: "stop" }]);
    await banner.getByTestId("dismiss").click();
    await banner.waitFor({ state: "detached" });
    await page.getByTestId("missing-here").waitFor();
    await page.getByTestId("checked").waitFor();
  });

  test("the visit stands once above the messages that belong to it, and is offered for the next one", async () => {
    const of = (id, session, minute) => ({ id, text: id, session, sentAt: 1_700_000_000 + minute * 60 });
    await draw({
      messages: [of("m1", "visit-1", 0), of("m2", "visit-1", 1), of("m3", "visit-2", 2), of("m4", null, 3)].map(
        ({ sentAt, ...message }) => ({ ...message, sentAt, receivedAt: sentAt }),
      ),
      properties: { visitLabels: true },
    });
    await page.locator('[data-id="m4"]').waitFor();
    const labels = await page
      .getByTestId("message")
      .evaluateAll((all) =>
        all.map((message) => [
          message.querySelector(".label")?.textContent.trim(),
          message.querySelector("[data-testid=message-label]")?.textContent,
        ]),
      );
    assert.deepEqual(labels, [
      ["Visit: visit-1", "visit-1"],
      [undefined, "visit-1"],
      ["Visit: visit-2", "visit-2"],
      [undefined, undefined],
    ]);
    const offered = page.locator("datalist option");
    assert.deepEqual(await offered.evaluateAll((all) => all.map(({ value }) => value)), ["visit-1", "visit-2"]);
    await page.getByTestId("compose-label").fill("visit-2");
    await write(page, "Of the second visit.");
    assert.deepEqual(await page.evaluate(() => window.sent.map(({ session }) => session)), ["visit-2"]);
  });

  test("a blocked person: read-only, the true reason, and the way back goes through a question", async () => {
    await draw({
      messages: [{ id: "m1", text: "Take one." }],
      contact: { state: "suspect", reason: "COMMITMENT_MISMATCH" },
    });
    const suspect = page.getByTestId("suspect");
    await suspect.waitFor();
    assert.match(await suspect.getByTestId("reason").innerText(), /Somebody else may be in between/);
    assert.equal(await page.getByTestId("compose-text").count(), 0);
    assert.equal(await page.getByTestId("checked").count(), 0);
    await page.evaluate(() => {
      window.fake.removeContact = async () => {
        window.fake.contacts = async () => [];
      };
    });
    await suspect.getByTestId("remove-contact").click();
    await page.getByTestId("dialog-do").click();
    await page.getByTestId("connect").waitFor();
  });

  test("a large message leaves quietly or now, as the person chose; a small one asks nothing", async () => {
    await draw({ seconds: 7_200 });
    const file = { name: "scan.pdf", mimeType: "application/pdf", buffer: Buffer.alloc(50_000) };
    for (const pace of ["steady", "prompt"]) {
      await page.getByTestId("compose-file").setInputFiles(file);
      await page.getByTestId("pace").waitFor();
      assert.match(await page.getByTestId("pace").innerText(), /2 hours/);
      await page.getByTestId(`pace-${pace}`).check();
      await page.getByTestId("compose-send").click();
      await page.getByTestId("attached").waitFor({ state: "detached" });
      await page.getByTestId("pace").waitFor({ state: "detached" });
    }
    assert.deepEqual(await page.evaluate(() => window.sent.map(({ pace }) => pace)), ["steady", "prompt"]);
    await draw({ seconds: 60 });
    await page.getByTestId("compose-file").setInputFiles(file);
    await page.getByTestId("attached").waitFor();
    await page.getByTestId("compose-text").fill("Caption");
    await page.getByTestId("compose-send").click();
    await page.getByTestId("attached").waitFor({ state: "detached" });
    assert.equal(await page.getByTestId("pace").count(), 0);
    assert.deepEqual(await page.evaluate(() => JSON.stringify(window.sent)), '[{"id":"c","files":1,"text":"Caption"}]');
  });

  test("a notification, the title and the badge hold a number and no content", async () => {
    await page.evaluate(() => {
      window.told = [];
      window.Notification = class {
        static permission = "granted";
        constructor(title, options) {
          window.told.push([title, JSON.stringify(options)]);
        }
        close() {}
      };
      navigator.setAppBadge = async (count) => window.told.push(["badge", count]);
      document.title = "My clinic";
    });
    await draw({ messages: [{ id: "m1", text: "SECRET", read: false }], properties: { notifications: true } });
    await holds(page, () => document.title === "(1) My clinic");
    const arrives = (visibility) =>
      page.evaluate((state) => {
        Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        const message = window.messageOf("m2", { text: "SECRET" });
        window.fake.dispatchEvent(new CustomEvent("message", { detail: message }));
      }, visibility);
    await arrives("visible");
    await arrives("hidden");
    await holds(page, () => window.told.some(([title]) => title === "New message"));
    const told = await page.evaluate(() => window.told);
    assert.deepEqual(
      told.filter(([what]) => what !== "badge"),
      [["New message", JSON.stringify({ tag: "tessera" })]],
      "none while the page is seen",
    );
    assert.ok(told.some(([what, count]) => what === "badge" && count === 1));
    assert.ok(!JSON.stringify(told).includes("SECRET"));
    await page.evaluate(() => document.querySelector("tessera-portal").remove());
    assert.equal(await page.title(), "My clinic");
  });
});
