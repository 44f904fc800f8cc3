// A backup saved as a file and restored in another browser with the recovery code; notices of both devices; printing.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPortal } from "./support/browser.mjs";
import { compareDigits, Person } from "./support/person.mjs";
import { startRelay } from "./support/relay.mjs";

describe("backups on the page", () => {
  let relay, browser;
  before(async () => {
    relay = await startRelay();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await relay?.end();
  });

  test("a backup restored in another browser with the printed code continues the conversation", async () => {
    const first = await openPortal(browser, `${relay.url}/stage.html?role=clinician`);
    const rivera = await new Person(first.page, "clinician").ready();
    const { text: link } = await rivera.invite("link");
    const theirs = await openPortal(browser, link.replace("#", "?role=patient#"));
    const ana = await new Person(theirs.page, "patient").ready();
    await ana.pane.getByTestId("offer-accept").click();
    await compareDigits(rivera, ana);

    await rivera.choose("open-safety");
    await rivera.pane.getByTestId("create-code").click();
    await rivera.confirm("wrong");
    await rivera.pane.getByTestId("dialog").locator('[data-code="WRONG_PASSPHRASE"]').waitFor();
    await rivera.confirm("tessera demo");
    const code = (await rivera.pane.getByTestId("recovery-code").innerText()).replace(/\s/g, "");
    assert.match(code, /^([A-Z2-7]{5}-){11}[A-Z2-7]{5}$/);
    await rivera.pane.getByTestId("backup").click();
    const [download] = await Promise.all([first.page.waitForEvent("download"), rivera.confirm("tessera demo")]);
    assert.match(download.suggestedFilename(), /^tessera-\d{4}-\d\d-\d\d\.backup$/);
    const file = await download.path();

    // Trying the backup changes nothing here: this device goes on.
    const trial = rivera.pane.getByTestId("restore-details");
    await trial.locator("summary").click();
    await trial.getByTestId("restore-file").setInputFiles(file);
    for (const [secret, state] of [
      ["wrong", "failed"],
      ["tessera demo", "done"],
    ]) {
      await trial.getByTestId("restore-secret").fill(secret);
      await trial.getByTestId("restore-test").click();
      await trial.locator(`[data-testid="outcome"][data-state="${state}"]`).waitFor();
    }
    assert.equal(await rivera.pane.getByTestId("dialog").count(), 0);
    assert.ok(
      await first.page.evaluate(() => Number(localStorage.getItem("tessera-drill:tessera-stage-clinician")) > 0),
    );
    await rivera.write(ana.name, "After the trial.");
    await ana.receives(rivera.name, "After the trial.");
    await rivera.sees(ana.name, "After the trial.", "delivered");

    const second = await openPortal(browser, `${relay.url}/stage.html?role=clinician`);
    const again = await new Person(second.page, "clinician").ready();
    await again.lock();
    const restore = again.pane.getByTestId("restore-details");
    await restore.locator("summary").click();
    await restore.getByTestId("restore-file").setInputFiles(file);
    await restore.getByTestId("restore-by-code").check();
    await restore.getByTestId("restore-secret").fill(code.slice(1));
    await restore.getByTestId("restore-new-passphrase").fill("another passphrase");
    await restore.getByTestId("restore").click();
    await restore.locator('[data-testid="outcome"][data-code="RECOVERY_CODE_MALFORMED"]').waitFor();
    await restore.getByTestId("restore-secret").fill(code.toLowerCase().replaceAll("-", " "));
    await restore.getByTestId("restore").click();
    await again.confirm();
    await again.open(ana.name);

    await again.write(ana.name, "From the other browser.");
    await ana.receives(rivera.name, "From the other browser.");
    await ana.write(rivera.name, "And back.");
    await again.receives(ana.name, "And back.");

    await rivera.pane.locator('[data-testid="notice"][data-code="DEVICE_SUPERSEDED"]').waitFor();
    // A person may be away when it comes: it stays through a lock, until somebody has seen it.
    const former = again.pane.locator('[data-testid="notice"][data-kind="device"]');
    await former.getByText("Your old device is still in use somewhere").waitFor();
    await again.lock();
    await again.unlock("another passphrase");
    await former.getByTestId("dismiss").click();
    await again.lock();
    await again.unlock("another passphrase");
    await again.open(ana.name);
    assert.equal(await former.count(), 0);
    await again.choose("open-safety");
    assert.match(await again.pane.getByTestId("device-line").innerText(), /^This is device 2/);
    assert.deepEqual([...first.complaints, ...second.complaints, ...theirs.complaints], []);
    await Promise.all([first.close(), second.close(), theirs.close()]);
  });

  test("printing prints the shares and nothing else of the page", async () => {
    const portal = await openPortal(browser, `${relay.url}/stage.html?role=lab`);
    const lab = await new Person(portal.page, "lab").ready();
    await lab.choose("open-safety");
    await lab.pane.getByTestId("share-threshold").fill("2");
    await lab.pane.getByTestId("share-count").fill("3");
    await lab.pane.getByTestId("create-shares").click();
    await lab.confirm("tessera demo");
    await lab.pane.getByTestId("share").nth(2).waitFor();
    await portal.page.evaluate(() => (window.print = () => (document.body.dataset.printed = "yes")));
    await lab.pane.getByTestId("print").click();
    await portal.page.emulateMedia({ media: "print" });
    const paper = portal.page.locator("body > .tessera-paper");
    assert.equal(await paper.getByTestId("share").count(), 3);
    for (const share of await paper.getByTestId("share").all()) {
      assert.match((await share.getByTestId("share-text").innerText()).replace(/\s/g, ""), /^[A-Z2-7]{76}$/);
      assert.ok(await share.getByTestId("share-qr").isVisible());
    }
    assert.equal(await portal.page.locator("#app").isVisible(), false);
    await portal.page.emulateMedia({ media: "screen" });
    await portal.page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.equal(await paper.count(), 0);
    await lab.pane.getByTestId("clear-sheet").click();
    assert.equal(await lab.pane.getByTestId("share").count(), 0);
    assert.deepEqual(portal.complaints, []);
    await portal.close();
  });
});
