// The keyboard alone does everything, and a conversation has the structure that a screen reader expects.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "./support/browser.mjs";
import { connected, incoming, PASSPHRASE, write } from "./support/hospital.mjs";
import { lostFocus } from "./support/looks.mjs";
import { openProfile } from "./support/profile.mjs";
import { lasting } from "./support/reader.mjs";
import { startRelay } from "./support/relay.mjs";
import { until } from "../node/until.mjs";

/** The Tab key reaches everything in so many presses. */
const REACH = 60;

let relay, browser;
before(async () => {
  relay = await startRelay({ "cells-per-bucket": 8 });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

const hasFocus = (locator) => locator.evaluate((element) => element === element.getRootNode().activeElement);

/** Presses Tab until the control has the focus, which is never lost on the way. */
async function tabTo(page, testid) {
  const control = page.getByTestId(testid).first();
  await control.waitFor();
  for (let presses = 0; !(await hasFocus(control)); presses += 1) {
    assert.ok(presses < REACH, `${testid} is within reach of the Tab key`);
    await page.keyboard.press("Tab");
  }
  return control;
}

async function press(page, testid, key = "Enter") {
  await tabTo(page, testid);
  await page.keyboard.press(key);
}

async function keepsFocus(page, when) {
  assert.deepEqual(await lasting(page, lostFocus), [], when);
}

test("everything can be done with the keyboard, and the focus is never lost", async () => {
  const desk = await openProfile(browser, `${relay.url}/desk`);
  const phone = await openProfile(browser, "about:blank");
  const [there, here] = [desk.page, phone.page];
  await press(there, "add-contact");
  await press(there, "invite-qr");
  await there.getByTestId("invitation").waitFor();
  await until("the focus on the link", async () => hasFocus(there.getByTestId("copy-invitation")));
  await here.goto(await there.getByTestId("invitation-text").inputValue());
  await here.getByTestId("first-passphrase").waitFor();
  await until("the focus on the first field", async () => hasFocus(here.getByTestId("first-passphrase")));
  await here.keyboard.type(PASSPHRASE);
  await here.keyboard.press("Enter");
  const sas = here.getByTestId("sas");
  await sas.waitFor();
  await keepsFocus(here, "after connecting");
  await here.getByTestId("announcer").filter({ hasText: "six digits are here" }).waitFor({ state: "attached" });
  const digits = await sas.getAttribute("data-digits");
  await tabTo(there, "sas-input");
  await there.keyboard.type(digits);
  await press(here, "sas-match");
  for (const [page, who] of [
    [there, "the desk"],
    [here, "the patient"],
  ])
    await until(`${who} can write`, async () => hasFocus(page.getByTestId("compose-text")));
  await here.keyboard.type("Good morning.");
  await here.keyboard.press("Enter");
  await incoming(there).filter({ hasText: "Good morning." }).waitFor();
  await until("the focus back in the field", async () => hasFocus(here.getByTestId("compose-text")));

  // A message's menu, closed with Escape.
  const summary = here.getByTestId("message").locator("summary").first();
  await summary.waitFor();
  for (let presses = 0; !(await hasFocus(summary)); presses += 1) {
    assert.ok(presses < REACH);
    await here.keyboard.press("Shift+Tab");
  }
  await here.keyboard.press("Enter");
  await here.getByTestId("delete-message").first().waitFor();
  await here.keyboard.press("Escape");
  assert.ok(await hasFocus(summary), "Escape gives the focus back");

  // A dialog keeps the focus in it and gives it back.
  await menuByKeyboard(here, "open-safety");
  await press(here, "create-code");
  await until("the focus in the dialog", async () => hasFocus(here.getByTestId("dialog-passphrase")));
  await here.keyboard.press("Escape");
  await here.getByTestId("dialog").waitFor({ state: "detached" });
  await keepsFocus(here, "after a dialog");
  await press(here, "create-code");
  await until("the focus in the dialog", async () => hasFocus(here.getByTestId("dialog-passphrase")));
  await here.keyboard.type(PASSPHRASE);
  await here.keyboard.press("Enter");
  await here.getByTestId("code-sheet").waitFor();
  await keepsFocus(here, "after the sheet was made");
  await press(here, "clear-sheet");
  await here.getByTestId("code-sheet").waitFor({ state: "detached" });
  await keepsFocus(here, "after the sheet was put away");

  await menuByKeyboard(here, "lock");
  await until("the focus on the passphrase", async () => hasFocus(here.getByTestId("passphrase")));
  await here.keyboard.type(PASSPHRASE);
  await here.keyboard.press("Enter");
  await here.getByTestId("menu").waitFor();
  await keepsFocus(here, "after unlocking");
  await menuByKeyboard(here, "open-inbox");
  await press(here, "contact");
  await until("the conversation", async () => !(await here.getByTestId("safety-view").isVisible()));
  await press(here, "open-person");
  await press(here, "remove-person");
  await here.getByTestId("dialog").waitFor();
  await press(here, "dialog-do");
  await here.getByTestId("inbox-empty").waitFor();
  await keepsFocus(here, "after a person was removed");
  await Promise.all([desk.close(), phone.close()]);
});

async function menuByKeyboard(page, testid) {
  const summary = page.getByTestId("menu").locator("summary");
  for (let presses = 0; !(await hasFocus(summary)); presses += 1) {
    assert.ok(presses < REACH, "the menu is within reach");
    await page.keyboard.press("Shift+Tab");
  }
  await page.keyboard.press("Enter");
  await press(page, testid);
}

test("a conversation is a heading and an ordered list in a log", async () => {
  const { desk, phone } = await connected(browser, relay);
  await write(desk.page, "Good morning.");
  await incoming(phone.page).waitFor();
  const structure = await phone.page.locator("tessera-portal").evaluate(({ shadowRoot: root }) => ({
    headings: [...root.querySelectorAll("h2")].map((heading) => heading.textContent.trim().split(/\s{2,}/)[0]),
    list: root.querySelector('[role="log"] > ol')?.querySelectorAll(":scope > li").length > 0,
    stray: [...root.querySelectorAll('[role="log"] li')].every((item) => item.parentElement.localName === "ol"),
  }));
  assert.equal(structure.headings.filter((text) => text.includes("Dr. Rivera")).length, 1, structure.headings.join());
  assert.ok(structure.list && structure.stray);
  await Promise.all([desk.close(), phone.close()]);
});
