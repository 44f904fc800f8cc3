// The three flows in Chromium over a relay.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, openPortal } from "./support/browser.mjs";
import { FLOWS } from "./support/flows.mjs";
import { DEPLOYED, startRelay } from "./support/relay.mjs";

describe("the three flows", () => {
  let relay, browser, portal;
  before(async () => {
    relay = await startRelay(DEPLOYED);
    browser = await launch();
    portal = await openPortal(browser, `${relay.url}/stage.html`);
  });
  after(async () => {
    await browser?.close();
    await relay?.end();
  });
  for (const [name, flow] of FLOWS) test(name, (context) => flow(portal.page, (line) => context.diagnostic(line)));
  test("the page reported no error", () => assert.deepEqual(portal.complaints, []));
});
