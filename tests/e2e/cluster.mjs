// Two people over a running cluster of relays, of which some are killed on its control page; prints what happened, with timings.
// Usage: node cluster.mjs <port of the first relay> [<folder for screenshots>]

import { launch } from "./support/browser.mjs";
import { cluster } from "./support/cluster.mjs";

const [port, pictures] = [Number(process.argv[2]), process.argv[3]];
if (!port) {
  console.error("usage: node cluster.mjs <port of the first relay> [<folder for screenshots>]");
  process.exit(2);
}

const started = performance.now();
const stamp = () => `${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s`;
const local = (at) => `http://127.0.0.1:${at}`;
const browser = await launch();
let failed = false;
try {
  const addresses = { relay: (node) => local(port + node), control: `${local(port + 50)}/` };
  await cluster(browser, addresses, (line) => console.log(`${stamp()}  ${line}`), pictures);
  console.log(`\nDone in ${stamp().trim()}.`);
} catch (error) {
  failed = true;
  console.error(`\n${stamp()}  FAILED: ${error.message}`);
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);
