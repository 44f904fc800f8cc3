// The stage and what every page has: alone by URL, links, both languages, narrow screens, the keyboard, and its content security policy.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPortal } from "./support/browser.mjs";
import { enrol, Person } from "./support/person.mjs";
import { startRelay } from "./support/relay.mjs";
import { pause } from "../node/until.mjs";

describe("the stage", () => {
  let relay, browser;
  before(async () => {
    relay = await startRelay();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await relay?.end();
  });

  test("two people in two windows enrol by a link, which leaves the address bar at once", async () => {
    const hers = await openPortal(browser, `${relay.url}/stage.html?role=clinician`);
    const rivera = await new Person(hers.page, "clinician").ready();
    assert.equal(await hers.page.locator('[data-testid^="pane-"]').count(), 1);
    const { text: link } = await rivera.invite("link");
    assert.ok(link.startsWith(`${relay.url}/stage.html#tessera:/`));
    const theirs = await openPortal(browser, link.replace("#", "?role=patient#"));
    const ana = await new Person(theirs.page, "patient").ready();
    assert.equal(theirs.page.url(), `${relay.url}/stage.html?role=patient`);
    assert.equal(await theirs.page.evaluate(() => location.hash), "");
    await ana.pane.getByTestId("offer-accept").click();
    await rivera.types(ana.name, await ana.digits(rivera.name));
    await rivera.waitForState(ana.name, "active");
    await rivera.write(ana.name, "Held until you have compared.");
    await ana.pane.locator('[data-testid="message"][data-state="held"]').waitFor();
    assert.match(await ana.pane.getByTestId("message-state").textContent(), /^\s*Waiting until you check who this is/);
    assert.equal(await ana.pane.getByTestId("message-text").count(), 0);
    await ana.theyMatch(rivera.name);
    await ana.receives(rivera.name, "Held until you have compared.");
    assert.deepEqual([...hers.complaints, ...theirs.complaints], []);
    await Promise.all([hers.close(), theirs.close()]);
  });

  test("a link whose # was encoded is burnt, and the page says so", async () => {
    const secret = "AAAAAAAAAAAAAAAAAAAAAA";
    for (const path of [`%23tessera:/${secret}`, `%23Tessera%3A/clinic.example/${secret}`, `?tessera:/${secret}`]) {
      const portal = await openPortal(browser, `${relay.url}/${path}`);
      await portal.page.locator('[data-testid="offer-fault"][data-code="BURNT"]').waitFor();
      await portal.page.getByRole("heading", { name: "This invitation cannot be used" }).waitFor();
      assert.equal(portal.page.url(), `${relay.url}/`);
      assert.equal(await portal.page.getByTestId("offer").count(), 0);
      assert.deepEqual(portal.complaints, []);
      await portal.close();
    }
  });

  test("a stray % in the fragment stops nothing, and no invitation stays in the address bar", async () => {
    const secret = "AAAAAAAAAAAAAAAAAAAAAA";
    for (const [hash, left] of [
      ["#%", "#%"],
      ["#100%", "#100%"],
      [`#tessera:/${secret}%`, ""],
      [`#tessera%3A/${secret}%zz`, ""],
      [`#TESSERA:/${secret}`, ""],
    ]) {
      const portal = await openPortal(browser, `${relay.url}/stage.html?role=patient${hash}`);
      const ana = await new Person(portal.page, "patient").ready();
      assert.equal(new URL(portal.page.url()).hash, left);
      if (left === "") await ana.pane.getByTestId("offer").waitFor();
      assert.deepEqual(portal.complaints, []);
      await portal.close();
    }
  });

  test("a link opened on the shared screen asks who accepts it", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html`);
    const rivera = await new Person(portal.page, "clinician").ready();
    const { text: link } = await rivera.invite("link");
    await portal.page.evaluate((hash) => (location.hash = hash), link.split("#")[1]);
    await portal.page.getByTestId("offer-lab").click();
    assert.equal(new URL(portal.page.url()).hash, "");
    const lab = new Person(portal.page, "lab");
    await lab.pane.getByTestId("offer-accept").click();
    await lab.digits(rivera.name);
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("in person, a scanned fingerprint replaces the digits", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html`);
    const rivera = await new Person(portal.page, "clinician").ready();
    const ana = await new Person(portal.page, "patient").ready();
    const { picture } = await rivera.invite("qr");
    await rivera.expectPicture(await ana.fingerprintPicture());
    await ana.acceptPicture(picture, { inPerson: true });
    await rivera.waitForState(ana.name, "active");
    await ana.waitForState(rivera.name, "active");
    for (const [person, other] of [
      [rivera, ana],
      [ana, rivera],
    ])
      assert.equal(await person.contact(other.name).getAttribute("data-verified"), "expected");
    await ana.write(rivera.name, "No digits were needed.");
    await rivera.receives(ana.name, "No digits were needed.");
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("a file that is no FHIR result is said to be none, and kept byte for byte", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html`);
    const rivera = await new Person(portal.page, "clinician").ready();
    const lab = await new Person(portal.page, "lab").ready();
    await enrol(rivera, lab, "link");
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0x00, 0x0d, 0x0a, 0x22, 0x7d]);
    await lab.attach(rivera.name, { name: "odd.json", mimeType: "application/json", buffer: bytes });
    await rivera.open(lab.name);
    const message = rivera.message("in", null, "verified");
    await message.waitFor();
    assert.match(await message.textContent(), /odd\.json\s+This file is not FHIR that can be shown here/);
    assert.equal(await message.getByTestId("fhir-table").count(), 0);
    assert.ok(bytes.equals(await rivera.download()));
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("a lock takes everything off the screen and keeps what was being written; so does a reload", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html`);
    const rivera = await new Person(portal.page, "clinician").ready();
    const ana = await new Person(portal.page, "patient").ready();
    await enrol(rivera, ana);
    await rivera.write(ana.name, "Continue metformin 500mg BID.");
    await ana.receives(rivera.name, "Continue metformin 500mg BID.");
    await ana.pane.getByTestId("compose-text").fill("Half a sentence");
    await ana.lock();
    assert.match(await ana.locked(), /You locked it/);
    const shown = await ana.pane.locator("tessera-portal").evaluate(({ shadowRoot }) => shadowRoot.innerHTML);
    for (const word of ["metformin", "Rivera", "Half a sentence", "tessera:/"]) assert.ok(!shown.includes(word), word);
    assert.ok(
      await ana.pane.getByTestId("passphrase").evaluate((input) => input === input.getRootNode().activeElement),
      "the focus is where one goes on",
    );
    await rivera.write(ana.name, "While it was locked.");
    await ana.unlock("wrong");
    assert.equal((await ana.outcome()).code, "WRONG_PASSPHRASE");
    await ana.unlock();
    await ana.receives(rivera.name, "While it was locked.");
    await ana.hasDraft("Half a sentence");

    await portal.page.reload();
    assert.match(await ana.locked(), /wait for your passphrase/);
    assert.match(await rivera.locked(), /wait for your passphrase/);
    const portals = portal.page.locator("tessera-portal");
    const reloaded = await portals.evaluateAll((all) => all.map(({ shadowRoot }) => shadowRoot.innerHTML).join());
    assert.ok(reloaded.includes("wait for your passphrase") && !reloaded.includes("metformin"));
    await ana.unlock();
    await ana.open(rivera.name);
    await ana.hasDraft("Half a sentence");
    await ana.pane.getByTestId("compose-send").click();
    await rivera.unlock();
    await rivera.receives(ana.name, "Half a sentence");
    assert.equal(await ana.pane.getByTestId("compose-text").inputValue(), "");
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("a portal locks after the idle time, and not while somebody types", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html?role=lab&idle=0.25`);
    const lab = new Person(portal.page, "lab");
    await lab.pane.getByTestId("add-contact").click();
    await lab.pane.locator('[data-testid="invite-qr"]:enabled').waitFor();
    // Longer than the idle time of 15 s, with pauses far shorter than that.
    for (const start = Date.now(); Date.now() < start + 18_000; ) {
      await lab.pane.getByTestId("accept-text").press("a");
      await pause(500);
    }
    assert.equal(await lab.pane.getByTestId("lock-view").count(), 0);
    assert.match(await lab.locked(), /Nobody used this page/);
    await lab.unlock();
    await lab.pane.getByTestId("add-contact").waitFor();
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("starting over, with or without the passphrase, creates a new person", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html?role=patient`);
    const ana = await new Person(portal.page, "patient").ready();
    const first = await ana.fingerprintPicture();
    for (const reload of [false, true]) {
      if (reload) await portal.page.reload();
      else await ana.lock();
      await ana.locked();
      await ana.pane.getByTestId("start-over-details").locator("summary").click();
      await ana.pane.getByTestId("start-over").click();
      await ana.pane.getByTestId("dialog-cancel").click();
      await ana.pane.getByTestId("start-over").click();
      await ana.confirm();
      await ana.ready();
      assert.ok(!first.equals(await ana.fingerprintPicture()));
    }
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("a second tab shows that the vault is open, and can take it over", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html?role=patient`);
    const ana = await new Person(portal.page, "patient").ready();
    const other = await portal.page.context().newPage();
    await other.goto(`${relay.url}/stage.html?role=patient`);
    const there = new Person(other, "patient");
    await there.locked();
    await there.unlock();
    await there.pane.getByRole("heading", { name: "Already open in another tab" }).waitFor();
    await there.pane.getByTestId("unlock").click(); // the passphrase is still there
    await there.ready();
    assert.match(await ana.locked(), /one place at a time/);
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });

  test("Spanish, on a 360 px wide screen, without sideways scrolling", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html?role=patient`, { width: 360, height: 740 });
    const ana = await new Person(portal.page, "patient").ready();
    await portal.page.getByTestId("lang-es").click();
    assert.equal(await portal.page.evaluate(() => document.documentElement.lang), "es");
    await ana.pane.getByText("Conectar con una persona").waitFor();
    await ana.invite("qr");
    await ana.invite("link");
    await ana.accept("hola");
    assert.equal(
      (await ana.outcome()).text,
      "Aquí no se puede leer ninguna invitación. Cambió, o es de otra versión. Pida otra.",
    );
    assert.equal(await portal.page.evaluate(() => document.documentElement.scrollWidth), 360);
    await portal.close();
  });

  test("the keyboard alone makes an invitation, and every control has a name", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html?role=lab`);
    const lab = await new Person(portal.page, "lab").ready();
    const wanted = lab.pane.getByTestId("invite-qr");
    for (
      let presses = 0;
      !(await wanted.evaluate((button) => button === button.getRootNode().activeElement));
      presses += 1
    ) {
      assert.ok(presses < 20, "the button is within reach of the Tab key");
      await portal.page.keyboard.press("Tab");
    }
    await portal.page.keyboard.press("Enter");
    await lab.pane.getByTestId("invitation-qr").waitFor();
    const nameless = await portal.page.evaluate(() =>
      [document, ...[...document.querySelectorAll("*")].flatMap(({ shadowRoot }) => shadowRoot ?? [])]
        .flatMap((root) => [...root.querySelectorAll("button, a, input, select, textarea")])
        .filter(
          (control) => !(control.labels?.length || control.getAttribute("aria-label") || control.textContent.trim()),
        )
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
