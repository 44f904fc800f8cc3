// States in which something is wrong: a relay that keeps a message back, and two people who are not who they seem.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { HostileRelay } from "./hostile-relay.mjs";
import { launch } from "./support/browser.mjs";
import { begin, connected, incoming, invite, outgoing, write } from "./support/hospital.mjs";
import { findings, indexPictures, inLooks } from "./support/looks.mjs";
import { openProfile, PHONE } from "./support/profile.mjs";
import { startRelay } from "./support/relay.mjs";

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await indexPictures();
});

describe("warnings", () => {
  let relay, hostile, desk, phone, other;
  before(async () => {
    relay = await startRelay({ "cells-per-bucket": 8 });
    hostile = await HostileRelay.start(relay.url);
    ({ desk, phone } = await connected(browser, hostile));
  });
  after(async () => {
    await Promise.all([desk, phone, other].map((one) => one?.close()));
    await hostile?.down();
    await relay?.end();
  });

  test("a message that may be missing", async () => {
    await write(desk.page, "Take one tablet in the morning.");
    await incoming(phone.page).waitFor();
    hostile.dropping = true;
    await write(desk.page, "Stop warfarin.");
    await outgoing(desk.page, "sent").waitFor();
    await relay.epochs(2);
    await hostile.mirrorAll();
    hostile.dropping = false;
    await write(desk.page, "And drink enough water.");
    await phone.page.getByTestId("missing-here").waitFor();
    await phone.page.locator('[data-testid="notice"][data-code="missing"]').waitFor();
    await inLooks(phone.page, "thread-missing");
    while ((await phone.page.getByTestId("dismiss").count()) > 0)
      await phone.page.getByTestId("dismiss").first().click();
    await inLooks(phone.page, "thread-missing-answered");
  });

  test("somebody who is not who they seem, on both sides", async () => {
    const link = await invite(desk.page);
    other = await openProfile(browser, link.replace("/#", "/?name=Luis%20Ortega#"), { device: PHONE });
    await begin(other.page);
    await other.page.getByTestId("sas-differ").click();
    await other.page.getByTestId("suspect").waitFor();
    await inLooks(other.page, "thread-blocked");
    await other.page.getByTestId("back").click();
    await other.page.getByTestId("contact").waitFor();
    await inLooks(other.page, "inbox-blocked");
    await desk.page.getByTestId("sas-input").waitFor();
    await desk.page.getByTestId("sas-differ").click();
    await desk.page.getByTestId("suspect").waitFor();
    await inLooks(desk.page, "desk-blocked");
  });

  test("no look had a finding", () => assert.deepEqual(findings.splice(0), []));

  test("no page reported an error", () =>
    assert.deepEqual([...desk.complaints, ...phone.complaints, ...other.complaints], []));
});
