// The portal in a frame of another site, as an EHR shows it: 127.0.0.1 and localhost are different sites.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { accessible } from "./support/axe.mjs";
import { holds, launch, launchKeeping } from "./support/browser.mjs";
import { invite } from "./support/hospital.mjs";
import { openProfile } from "./support/profile.mjs";
import { startRelay } from "./support/relay.mjs";

const PASSPHRASE = "rain on the roof";
/** As docs/embedding.md gives it. */
const ALLOW = "publickey-credentials-get; publickey-credentials-create; camera";

/** A site whose only page shows what the query says in a frame. */
async function startSite() {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url, "http://localhost");
    const src = searchParams.get("src");
    response.setHeader("content-type", "text/html");
    response.end(`<!doctype html><html lang="en"><title>EHR</title><link rel="icon" href="data:,">
      ${src === null ? "" : `<iframe name="portal" title="Messages" src="${src}" allow="${searchParams.get("allow") ?? ""}" width="600" height="800"></iframe>`}`);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  return {
    origin: `http://localhost:${port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe("the portal in a frame", () => {
  let relay, browser, folder, ehr, other, person;
  before(async () => {
    [ehr, other] = await Promise.all([startSite(), startSite()]);
    relay = await startRelay({ "frame-ancestor": ehr.origin });
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tessera-profile-"));
    browser = launchKeeping(folder);
  });
  afterEach(async () => {
    await person?.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  after(async () => {
    await relay?.end();
    for (const site of [ehr, other]) site?.stop();
  });

  /** Opens a page of the site with the portal in its frame. */
  async function open(site, { path = "/", allow = ALLOW } = {}) {
    const query = new URLSearchParams({ src: `${relay.url}${path}`, allow });
    person = await openProfile(browser, `${site.origin}/?${query}`);
    return person.page.frameLocator('iframe[name="portal"]');
  }

  test("only the named web origin may show it", async () => {
    const portal = await open(ehr);
    await portal.getByTestId("framed").waitFor();
    await person.page.goto(`${other.origin}/?${new URLSearchParams({ src: relay.url })}`);
    await holds(person.page, () => frames.length === 1);
    assert.match(person.complaints.join("\n"), /frame-ancestors/);
    assert.ok(
      !person.page.frames().some((frame) => frame.url().startsWith(relay.url)),
      "the other site's frame is empty",
    );
  });

  test("before a vault is made in it, the person is asked, and may go on in a tab with the invitation", async () => {
    const clinic = await launch();
    const desk = await openProfile(clinic, `${relay.url}/desk`);
    const invitation = new URL(await invite(desk.page));
    await clinic.close();
    const portal = await open(ehr, { path: `/${invitation.hash}` });
    await portal.getByTestId("framed").waitFor();
    assert.equal(await portal.getByTestId("first-create").count(), 0);
    assert.equal(await portal.getByTestId("restore-file").count(), 0);
    await accessible(person.page.frame({ name: "portal" }), "asked in a frame");
    const opened = person.page.waitForEvent("popup");
    await portal.getByTestId("framed-open-tab").click();
    const tab = await opened;
    await tab.getByTestId("first-create").waitFor();
    assert.equal(await tab.getByTestId("framed").count(), 0);
    assert.equal(await tab.getByTestId("first-create").innerText(), "Connect", "the invitation came along");
    assert.equal(await tab.evaluate(() => window.opener), null);
    assert.deepEqual(person.complaints, []);
  });

  test("a vault that is made in it all the same is apart from a tab's, and has a warning", async () => {
    const portal = await open(ehr);
    await portal.getByTestId("framed-accept").click();
    await portal.getByTestId("first-passphrase").fill(PASSPHRASE);
    await portal.getByTestId("first-create").click();
    const warning = portal.locator('[data-testid="notice"][data-code="FRAMED"]');
    await warning.waitFor();
    assert.equal(await portal.locator('[data-code="NOT_KEPT"]').count(), 0, "one warning for one thing");

    const tab = await person.context.newPage();
    await tab.goto(relay.url);
    await tab.getByTestId("first-create").waitFor();
    assert.equal(await tab.getByTestId("unlock").count(), 0, "the tab has no vault");
    await tab.close();

    await person.page.reload();
    await portal.getByTestId("passphrase").fill(PASSPHRASE);
    await portal.getByTestId("unlock").click();
    await warning.waitFor();
    await warning.getByTestId("dismiss").click();
    await warning.waitFor({ state: "detached" });
    assert.deepEqual(person.complaints, []);
  });

  test("where the browser keeps nothing in such a frame, a tab is all that is offered", async () => {
    browser = await launch();
    const portal = await open(ehr);
    await portal.getByTestId("framed-open-tab").waitFor();
    assert.equal(await portal.getByTestId("framed-accept").count(), 0);
    assert.equal(await portal.getByTestId("lock-reason").count(), 0, "it is not a defect of the device");
    await browser.close();
  });

  test("in a frame of a page of its own origin it is as in a tab", async () => {
    person = await openProfile(browser, `${relay.url}/verify.html`);
    await person.page.evaluate(() => {
      const frame = document.createElement("iframe");
      Object.assign(frame, { name: "portal", src: "/" });
      document.body.append(frame);
    });
    const portal = person.page.frameLocator('iframe[name="portal"]');
    await portal.getByTestId("first-create").waitFor();
    assert.equal(await portal.getByTestId("framed").count(), 0);
  });

  test("the allow attribute of the documents gives what passkeys and the scanner need", async () => {
    const portal = await open(ehr);
    const allowed = async (allow) => {
      await person.page.goto(`${ehr.origin}/?${new URLSearchParams({ src: relay.url, allow })}`);
      await portal.getByTestId("framed").waitFor();
      const features = await person.page
        .frame({ name: "portal" })
        .evaluate(() => document.featurePolicy.allowedFeatures());
      return ALLOW.split("; ").filter((feature) => features.includes(feature));
    };
    assert.deepEqual(await allowed(""), []);
    assert.deepEqual(await allowed(ALLOW), ALLOW.split("; "));
  });
});
