// The accessibility gate: axe-core in the page, shadow roots included.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const SOURCE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Violations of WCAG 2.2 A and AA and of axe's best practices in what the page shows now. */
export async function violations(page) {
  // Through the debugger, for the page's own policy allows no inline script.
  if (!(await page.evaluate("Boolean(window.axe)"))) await page.evaluate(SOURCE);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"], preload: false });
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} (${failureSummary})`).join("; ")}`,
    );
  });
}

export async function accessible(page, state) {
  assert.deepEqual(await violations(page), [], state);
}
