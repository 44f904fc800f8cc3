// What a screen reader is told: each change once, and nothing else. See support/heard.mjs for what counts.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { openElements } from "./support/drawn.mjs";
import { listen } from "./support/heard.mjs";
import {
  begin,
  connected,
  enter,
  incoming,
  invite,
  lock,
  outgoing,
  unlock,
  PASSPHRASE,
  write,
} from "./support/hospital.mjs";
import { openProfile, PHONE } from "./support/profile.mjs";
import { drawn } from "./support/reader.mjs";
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

/** Collects until the last of these was said; then nothing else may have been. */
async function hears(ears, page, expected) {
  const all = [];
  const isMatched = (said, wanted) => (typeof wanted === "string" ? said === wanted : wanted.test(said));
  await until(`“${expected.at(-1)}”`, async () => {
    all.push(...(await ears.heard()));
    return all.some((said) => isMatched(said, expected.at(-1)));
  });
  await drawn(page);
  all.push(...(await ears.heard()));
  assert.equal(all.length, expected.length, JSON.stringify(all));
  for (const [place, wanted] of expected.entries()) assert.ok(isMatched(all[place], wanted), JSON.stringify(all));
  assert.deepEqual(await ears.unheard(), []);
}

test("connecting: who answered, the digits, a wrong number, and that both are checked", async () => {
  const desk = await openProfile(browser, `${relay.url}/desk`);
  const phone = await openProfile(browser, await invite(desk.page), { device: PHONE });
  const atDesk = await listen(desk.page);
  await phone.page.getByTestId("first-passphrase").waitFor();
  const onPhone = await listen(phone.page);
  await begin(phone.page);
  const sas = phone.page.getByTestId("sas");
  await sas.waitFor();
  const wait = "Six digits appear here once they are online. You can close this page and come back later.";
  await hears(onPhone, phone.page, [wait, "The six digits are here."]);
  assert.match(await sas.getAttribute("aria-label"), /^Six digits: \d \d \d \d \d \d$/, "digit by digit");
  await desk.page.getByTestId("sas-input").waitFor();
  await hears(atDesk, desk.page, ["Somebody answered. Check who it is.", "The six digits are here."]);
  const digits = await sas.getAttribute("data-digits");
  await desk.page.getByTestId("sas-input").fill(digits === "000000" ? "111111" : "000000");
  await hears(atDesk, desk.page, ["That is not the same number. Ask to hear it again."]);
  await desk.page.getByTestId("sas-input").fill(digits);
  await hears(atDesk, desk.page, ["Checked. You can write now."]);
  await phone.page.getByTestId("sas-match").click();
  await hears(onPhone, phone.page, ["Checked. You can write now."]);
  await Promise.all([desk.close(), phone.close()]);
});

test("writing and reading: a message once, outside of its conversation without content; a lock forgets what was said", async () => {
  const { desk, phone } = await connected(browser, relay);
  const [atDesk, onPhone] = [await listen(desk.page), await listen(phone.page)];
  await write(desk.page, "Good morning, Ana.");
  await hears(atDesk, desk.page, ["Sending"]);
  await incoming(phone.page).waitFor();
  await hears(onPhone, phone.page, ["From Dr. Rivera: Good morning, Ana."]);
  await outgoing(desk.page, "delivered").waitFor();
  await write(desk.page, "Good morning, Ana.");
  await hears(onPhone, phone.page, ["From Dr. Rivera: Good morning, Ana."]);
  await phone.page.getByTestId("back").click();
  await write(desk.page, "And one that is not open.");
  await hears(onPhone, phone.page, ["New message"]);
  await phone.page.getByTestId("contact").click();
  await incoming(phone.page).nth(2).waitFor();
  for (const language of ["es", "en"]) await phone.page.getByTestId(`lang-${language}`).click();
  await drawn(phone.page);
  assert.deepEqual(await onPhone.heard(), [], "opening a conversation and another language say nothing");
  await write(desk.page, "SECRET WORD");
  await hears(onPhone, phone.page, ["From Dr. Rivera: SECRET WORD"]);
  await lock(phone.page);
  assert.equal(await phone.page.getByTestId("announcer").textContent(), "");
  await phone.page.getByTestId("passphrase").waitFor();
  await onPhone.heard();
  await enter(phone.page, "not the passphrase");
  await hears(onPhone, phone.page, ["That is not the passphrase. Try again."]);
  await unlock(phone.page, PASSPHRASE);
  await phone.page.getByTestId("compose-text").waitFor();
  await onPhone.heard();
  await relay.kill();
  await hears(onPhone, phone.page, ["No connection"]);
  await relay.up();
  await phone.page.locator('[data-testid="relay-state"][data-relay="up"]').waitFor({ state: "attached" });
  await drawn(phone.page);
  assert.deepEqual(await onPhone.heard(), []);
  await Promise.all([desk.close(), phone.close()]);
});

test("a different number: that the person is blocked, and why", async () => {
  const desk = await openProfile(browser, `${relay.url}/desk`);
  const phone = await openProfile(browser, await invite(desk.page), { device: PHONE });
  await begin(phone.page);
  await phone.page.getByTestId("sas-differ").waitFor();
  const ears = await listen(phone.page);
  await phone.page.getByTestId("sas-differ").click();
  await phone.page.getByTestId("suspect").waitFor();
  await hears(ears, phone.page, [/^This person is blocked .*Remove and reconnect in person$/]);
  await Promise.all([desk.close(), phone.close()]);
});

describe("on portals of a test's own", () => {
  test("older messages are not read out, a warning is", async () => {
    const opened = await openElements(browser);
    const { page } = opened;
    await page.evaluate(async () => {
      const messages = Array.from({ length: 120 }, (_, n) =>
        window.messageOf(`m${n}`, { text: `Message ${n}`, sentAt: 1_700_000_000 + n, receivedAt: 1_700_000_000 + n }),
      );
      const portal = window.portalWith(messages);
      let log = [];
      portal.audit.entries = async () => log;
      window.lose = () => {
        log = [
          { index: 0, head: "", event: "gap", kind: "sequence", contact: "c", from: 3, to: 3, time: 1_700_000_500 },
        ];
        portal.dispatchEvent(new CustomEvent("gap"));
      };
      const element = Object.assign(document.createElement("tessera-portal"), { portal });
      element.style.height = "640px";
      document.body.replaceChildren(element);
      await element.updateComplete;
    });
    await page.locator('[data-id="m119"]').waitFor();
    const ears = await listen(page);
    await page.getByTestId("load-older").click();
    await page.locator('[data-id="m60"]').waitFor({ state: "attached" });
    await drawn(page);
    assert.deepEqual(await ears.heard(), []);
    await page.evaluate(() => window.lose());
    await page.locator('[data-testid="notice"][data-kind="gap"]').waitFor();
    await hears(ears, page, [/^A message from Lab may be missing Call before you change any medicine/]);
    assert.deepEqual(opened.complaints, []);
    await opened.close();
  });
});
