// The page itself: alone by URL, links, both languages, narrow screens, the keyboard, and its content security policy.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPortal } from "./support/browser.mjs";
import { enrol, Person } from "./support/person.mjs";
import { Relay } from "./support/relay.mjs";

describe("the page", () => {
  let relay, browser;
  before(async () => {
    relay = await Relay.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await relay?.stop();
  });

  test("two people, each in a window of their own, enrol by a link that leaves the address bar at once", async () => {
    const hers = await openPortal(browser, `${relay.url}/?role=clinician`);
    const rivera = await new Person(hers.page, "clinician").ready();
    assert.equal(await hers.page.locator('[data-testid^="pane-"]').count(), 1);
    const { text: link } = await rivera.invite("ordinary");
    assert.ok(link.startsWith(`${relay.url}/#tessera:/`));
    const theirs = await openPortal(browser, link.replace("/#", "/?role=patient#"));
    const ana = await new Person(theirs.page, "patient").ready();
    assert.equal(theirs.page.url(), `${relay.url}/?role=patient`);
    assert.equal(await theirs.page.evaluate(() => location.hash), "");
    await ana.pane.getByTestId("accept-button").click();
    assert.equal(await rivera.digits(ana.name), await ana.digits(rivera.name));
    await rivera.theyMatch(ana.name);
    await rivera.write(ana.name, "Held until you have compared.");
    await ana.pane.locator('[data-testid="message"][data-state="held"]').waitFor({ timeout: 30_000 });
    assert.match(await ana.pane.getByTestId("message-state").innerText(), /^Held until you have compared the digits/);
    assert.equal(await ana.pane.getByTestId("message-text").count(), 0);
    await ana.theyMatch(rivera.name);
    await ana.receives(rivera.name, "Held until you have compared.");
    assert.deepEqual([...hers.complaints, ...theirs.complaints], []);
    await Promise.all([hers.close(), theirs.close()]);
  });

  test("a link opened on the screen of everyone asks who accepts it", async () => {
    const portal = await openPortal(browser, relay.url);
    const rivera = await new Person(portal.page, "clinician").ready();
    const { text: link } = await rivera.invite("ordinary");
    await portal.page.evaluate((hash) => (location.hash = hash), link.split("#")[1]);
    await portal.page.getByTestId("offer-lab").click();
    assert.equal(new URL(portal.page.url()).hash, "");
    const lab = new Person(portal.page, "lab");
    await lab.pane.getByTestId("accept-button").click();
    await lab.digits(rivera.name);
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("in person, a scanned fingerprint takes the place of the digits", async () => {
    const portal = await openPortal(browser, relay.url);
    const rivera = await new Person(portal.page, "clinician").ready();
    const ana = await new Person(portal.page, "patient").ready();
    const { picture } = await rivera.invite("quick");
    await rivera.expectPicture(await ana.fingerprintPicture());
    await ana.acceptPicture(picture, { inPerson: true });
    await rivera.waitForState(ana.name, "active");
    await ana.waitForState(rivera.name, "active");
    for (const [person, other] of [[rivera, ana], [ana, rivera]]) assert.equal(await person.contact(other.name).getAttribute("data-verified"), "expected");
    await ana.write(rivera.name, "No digits were needed.");
    await rivera.receives(ana.name, "No digits were needed.");
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("a file that is no FHIR result is said to be none, and kept byte for byte", async () => {
    const portal = await openPortal(browser, relay.url);
    const rivera = await new Person(portal.page, "clinician").ready();
    const lab = await new Person(portal.page, "lab").ready();
    await enrol(rivera, lab, "ordinary");
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0x00, 0x0d, 0x0a, 0x22, 0x7d]);
    await lab.attach(rivera.name, { name: "odd.json", mimeType: "application/json", buffer: bytes });
    await rivera.open(lab.name);
    const message = rivera.message("in", null, "verified");
    await message.waitFor({ timeout: 30_000 });
    assert.match(await message.innerText(), /odd\.json\. This file is not a FHIR result/);
    assert.equal(await message.getByTestId("fhir-table").count(), 0);
    assert.ok(bytes.equals(await rivera.download()));
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("Spanish, on a 360 px wide screen, without sideways scrolling", async () => {
    const portal = await openPortal(browser, `${relay.url}/?role=patient`, { width: 360, height: 740 });
    const ana = await new Person(portal.page, "patient").ready();
    await portal.page.getByTestId("lang-es").click();
    assert.equal(await portal.page.evaluate(() => document.documentElement.lang), "es");
    assert.match(await ana.pane.innerText(), /Invitar a alguien/);
    await ana.invite("quick");
    await ana.invite("ordinary");
    await ana.accept("hola");
    assert.equal((await ana.outcome()).text, "No es una invitación de Tessera, o fue alterada.");
    assert.equal(await portal.page.evaluate(() => document.documentElement.scrollWidth), 360);
    await portal.close();
  });

  test("the keyboard alone makes an invitation, and every control has a name", async () => {
    const portal = await openPortal(browser, `${relay.url}/?role=lab`);
    const lab = await new Person(portal.page, "lab").ready();
    const wanted = lab.pane.getByTestId("invite-quick");
    for (let presses = 0; !(await wanted.evaluate((button) => button === document.activeElement)); presses += 1) {
      assert.ok(presses < 20, "the button is within reach of the Tab key");
      await portal.page.keyboard.press("Tab");
    }
    await portal.page.keyboard.press("Enter");
    await lab.pane.getByTestId("invitation-qr").waitFor();
    const nameless = await portal.page.evaluate(() =>
      [...document.querySelectorAll("button, a, input, select, textarea")]
        .filter((control) => !(control.labels?.length || control.getAttribute("aria-label") || control.textContent.trim()))
        .map((control) => control.outerHTML),
    );
    assert.deepEqual(nameless, []);
    await portal.close();
  });

  test("the page is served under a strict content security policy", async () => {
    const policy = (await fetch(relay.url)).headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'self'/);
    assert.match(policy, /script-src 'self' 'wasm-unsafe-eval'/);
    assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'/);
  });
});
