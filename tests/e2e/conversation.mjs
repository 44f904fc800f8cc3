// Runs the product's three flows against a running portal and prints what happened, with timings.
// Usage: node conversation.mjs http://127.0.0.1:8100

import { launch, openPortal } from "./support/browser.mjs";
import { FLOWS } from "./support/flows.mjs";

const url = process.argv[2];
if (!url) {
  console.error("usage: node conversation.mjs <portal url>");
  process.exit(2);
}

const started = performance.now();
const stamp = () => `${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`;
const browser = await launch();
let failed = false;
try {
  const portal = await openPortal(browser, new URL("stage.html", url).href);
  for (const [name, flow] of FLOWS) {
    console.log(`\n${name}`);
    await flow(portal.page, (line) => console.log(`${stamp()}  ${line}`));
  }
  if (portal.complaints.length > 0) throw new Error(`the page complained: ${portal.complaints.join("; ")}`);
  console.log(`\nAll flows done in ${stamp().trim()}.`);
} catch (error) {
  failed = true;
  console.error(`\n${stamp()}  FAILED: ${error.message}`);
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);
