// The packed package with the test runners and runtimes that customers use: an enrolment and a message through each.

import { EXPECTED, atNode, consumer, shared } from "../lib/consumer.mjs";

shared();

const SCRIPT = `import { Portal, memoryStore } from "tessera-portal";
import { converse } from "./converse.js";
console.log(await converse({ open: (options) => Portal.open(options), memoryStore }, process.env.RELAY));`;
const TEST = (imported) => `${imported}
import { Portal, memoryStore } from "tessera-portal";
import { converse, EXPECTED } from "./converse.js";
test("meets", async () => {
  expect(await converse({ open: (options) => Portal.open(options), memoryStore }, process.env.RELAY)).toBe(EXPECTED);
}, 300_000);`;

consumer(
  "Vitest",
  {
    dependencies: { vitest: "^4.0.0", jsdom: "^26.0.0" },
    files: { "meets.test.js": TEST('import { expect, test } from "vitest";') },
  },
  Object.fromEntries(
    ["node", "jsdom"].map((environment) => [
      environment,
      async (made) => {
        await atNode(made, "vitest", "run", `--environment=${environment}`);
        return EXPECTED;
      },
    ]),
  ),
);

consumer("Jest", { dependencies: { jest: "^30.0.0" }, files: { "meets.test.js": TEST("") } }, async (made) => {
  await atNode(made, "node", "--experimental-vm-modules", "node_modules/jest/bin/jest.js");
  return EXPECTED;
});

for (const [runtime, words] of [
  ["Bun", ["bun", "main.js"]],
  ["Deno", ["deno", "run", "--allow-all", "main.js"]],
])
  consumer(runtime, { dependencies: { [runtime.toLowerCase()]: "*" }, files: { "main.js": SCRIPT } }, async (made) =>
    (await atNode(made, ...words)).trim().split("\n").at(-1),
  );
