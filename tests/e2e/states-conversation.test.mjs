// States of a patient's conversation and of the pages around it, from real portals over a real relay, in every look: see
// support/looks.mjs.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import {
  choose,
  connected,
  enter,
  incoming,
  outgoing,
  PASSPHRASE,
  photograph,
  result,
  unlock,
  write,
} from "./support/hospital.mjs";
import { findings, indexPictures, inLooks } from "./support/looks.mjs";
import { startRelay } from "./support/relay.mjs";

/** Without use, a portal locks after ten minutes and says so a minute before. */
const IDLE_MS = 10 * 60_000;
const DAY_MS = 86_400_000;

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await indexPictures();
});
/** Asks again, in the language of the look. */
const asking = (testid) => async (page) => {
  if (await page.getByTestId("dialog").isVisible()) await page.getByTestId("dialog-cancel").click();
  await page.getByTestId("dialog").waitFor({ state: "detached" });
  await page.getByTestId(testid).click();
  await page.getByTestId("dialog").waitFor();
};
const nothingFound = () => assert.deepEqual(findings.splice(0), []);

describe("a patient's conversation", () => {
  let relay, desk, phone, page;
  before(async () => {
    relay = await startRelay({ "cells-per-bucket": 8 });
    ({ desk, phone } = await connected(browser, relay));
    page = phone.page;
  });
  after(async () => {
    await Promise.all([desk?.close(), phone?.close()]);
    await relay?.end();
  });

  test("files that were picked, and one that is too large", async () => {
    const photo = Buffer.from(await page.evaluate(photograph), "base64");
    await page
      .getByTestId("compose-file")
      .setInputFiles({ name: "IMG_0042.jpg", mimeType: "image/jpeg", buffer: photo });
    await page.getByTestId("attached").waitFor();
    await page.getByTestId("compose-text").fill("This is how it looks today. It itches at night.");
    await inLooks(page, "composer-files", {
      // In the language of the look.
      prepare: async () => {
        await page.getByTestId("compose-file").setInputFiles({
          name: "all my X-rays.zip",
          mimeType: "application/zip",
          buffer: Buffer.alloc(400_000),
        });
        await page.locator('[data-testid="outcome"][data-code="MESSAGE_TOO_LARGE"]').waitFor();
      },
    });
    await page.getByTestId("compose-send").click();
    await page.getByTestId("attached").waitFor({ state: "detached" });
    await incoming(desk.page).getByTestId("photo").waitFor();
  });

  test("a draft, unread messages, and where they begin", async () => {
    await page.getByTestId("compose-text").fill("One more question about the cream");
    await page.getByTestId("back").click();
    await write(desk.page, "Thank you, Ana. I see no infection.\nKeep it dry, and send me another photo on Friday.");
    await write(desk.page, "", [result("potassium-critical.json")]);
    await write(desk.page, "لا تأخذي الإيبوبروفين مع هذا الدواء.");
    await page.getByTestId("unread").filter({ hasText: "3" }).waitFor();
    await inLooks(page, "inbox-unread-draft");
    await page.getByTestId("contact").click();
    const divider = page.locator(".unread-divider");
    await divider.waitFor();
    await inLooks(page, "thread-unread", { prepare: () => divider.scrollIntoViewIfNeeded() });
    await page.getByTestId("compose-text").fill("");
  });

  test("a critical result", async () => {
    await inLooks(page, "thread-result", {
      prepare: () => page.getByTestId("critical").evaluate((element) => element.scrollIntoView({ block: "center" })),
    });
  });

  test("a message's menu, and the menu", async () => {
    const menu = page.locator("details.more:not(.menu)").last();
    await menu.scrollIntoViewIfNeeded();
    await menu.locator("summary").click();
    await inLooks(page, "message-menu", { prepare: () => menu.scrollIntoViewIfNeeded() });
    await page.keyboard.press("Escape");
    await page.getByTestId("menu").locator("summary").click();
    await inLooks(page, "menu");
    await page.keyboard.press("Escape");
  });

  test("about a person", async () => {
    await page.getByTestId("open-person").click();
    await page.getByTestId("person").waitFor();
    await inLooks(page, "person");
    await inLooks(page, "person-remove", { prepare: asking("remove-person") });
    await page.getByTestId("dialog-cancel").click();
    await page.getByTestId("back").click();
    await page.getByTestId("contact").click();
  });

  test("without a connection: what waits, and what was taken back", async () => {
    await relay.kill();
    await page.locator('[data-testid="relay-state"][data-relay="down"]').waitFor({ state: "attached" });
    await write(page, "May I shower with it?");
    await write(page, "Never mind, I found it in your letter.");
    await outgoing(page, "queued").nth(1).waitFor();
    // The first may be in the slot that is being posted.
    await outgoing(page, "queued").last().getByTestId("take-back").click();
    await outgoing(page, "cancelled").waitFor();
    await inLooks(page, "thread-offline");
    await relay.up();
    await outgoing(page, "delivered").nth(1).waitFor();
  });

  test("backup, recovery sheet and emergency cards", async () => {
    await choose(page, "open-safety");
    await page.getByTestId("create-code").waitFor();
    await inLooks(page, "safety");
    const confirm = async (testid) => {
      await page.getByTestId(testid).click();
      await page.getByTestId("dialog-passphrase").fill(PASSPHRASE);
    };
    await inLooks(page, "safety-dialog", { prepare: asking("create-code") });
    await page.getByTestId("dialog-passphrase").fill(PASSPHRASE);
    await page.getByTestId("dialog-do").click();
    const sheet = page.getByTestId("code-sheet");
    await sheet.waitFor();
    await inLooks(page, "recovery-sheet", { prepare: () => sheet.scrollIntoViewIfNeeded() });
    await page.getByTestId("clear-sheet").click();
    await confirm("create-shares");
    await page.getByTestId("dialog-do").click();
    await page.getByTestId("share").nth(2).waitFor();
    await inLooks(page, "emergency-cards", {
      prepare: () =>
        page
          .getByTestId("share")
          .first()
          .evaluate((card) => card.scrollIntoView({ block: "start" })),
    });
    await page.getByTestId("clear-sheet").click();
  });

  test("what happened on this device", async () => {
    await choose(page, "open-log");
    await page.getByTestId("log-item").first().waitFor();
    await inLooks(page, "activity");
    await choose(page, "open-inbox");
  });

  test("a large message: now, or quietly", async () => {
    await relay.down();
    await relay.up({ epoch: "600s" });
    await page.reload();
    await unlock(page, PASSPHRASE);
    await page.getByTestId("compose-file").setInputFiles({
      name: "letter of the hospital.pdf",
      mimeType: "application/pdf",
      buffer: Buffer.alloc(100_000),
    });
    await page.getByTestId("pace").waitFor();
    await page.getByTestId("pace-prompt").check();
    await inLooks(page, "composer-pace");
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

describe("a vault that is closed, elsewhere or gone", () => {
  let relay, desk, phone, page;
  before(async () => {
    relay = await startRelay({ "cells-per-bucket": 8 });
    ({ desk, phone } = await connected(browser, relay, { hasClock: true }));
    page = phone.page;
  });
  after(async () => {
    await Promise.all([desk?.close(), phone?.close()]);
    await relay?.end();
  });

  test("a message that nothing confirms", async () => {
    await desk.close();
    await write(page, "The rash came back. Should I stop the cream?");
    await outgoing(page, "sent").waitFor();
    // Eight days pass while the page is closed. Afterwards its clock is right again.
    for (const time of [Date.now() + 8 * DAY_MS, Date.now()]) {
      await page.clock.setSystemTime(time);
      await page.reload();
      await unlock(page, PASSPHRASE);
      await outgoing(page, "undelivered").getByTestId("send-again").waitFor();
    }
    await page.locator('[data-testid="notice"][data-code="undelivered"]').waitFor();
    await inLooks(page, "thread-undelivered", { focus: false });
  });

  test("nobody is here", async () => {
    await page.clock.fastForward(IDLE_MS - 50_000);
    await page.getByTestId("idle-dialog").waitFor();
    await inLooks(page, "idle-dialog");
    await page.clock.fastForward(IDLE_MS);
    await page.getByTestId("lock-view").waitFor();
    await inLooks(page, "locked-idle");
    await enter(page, "not the passphrase");
    await page.locator('[data-testid="outcome"][data-code="WRONG_PASSPHRASE"]').waitFor();
    await inLooks(page, "locked-wrong", {
      // In the language of the look.
      prepare: async () => {
        await enter(page, "not the passphrase");
        await page.locator('[data-testid="unlock"][aria-disabled="false"]').waitFor();
        await page.locator('[data-testid="outcome"][data-code="WRONG_PASSPHRASE"]').waitFor();
      },
    });
    await unlock(page, PASSPHRASE);
  });

  test("open in another tab", async () => {
    const other = await phone.context.newPage();
    await other.goto(relay.url);
    await enter(other, PASSPHRASE);
    await other.locator('[data-testid="lock-view"][data-access="elsewhere"]').waitFor();
    await inLooks(other, "elsewhere", { focus: false });
    await other.close();
  });

  test("cleared by the browser", async () => {
    await page.goto("about:blank");
    const devtools = await phone.context.newCDPSession(page);
    await devtools.send("Storage.clearDataForOrigin", { origin: relay.url, storageTypes: "indexeddb" });
    await page.goto(relay.url);
    await page.locator('[data-testid="lock-view"][data-access="gone"]').waitFor();
    await inLooks(page, "gone", { focus: false });
    await inLooks(page, "start-over", { prepare: asking("start-over") });
  });

  test("no look had a finding", nothingFound);
});
