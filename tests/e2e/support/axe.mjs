// The accessibility gate: axe-core in the page, shadow roots included.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const SOURCE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** No violation of WCAG 2.2 A and AA or of axe's best practices in what the page shows now. */
export async function accessible(page, state) {
  // Through the debugger, for the page's own policy allows no inline script.
  await page.evaluate(`if (!window.axe) { ${SOURCE} }`);
  const violations = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} (${failureSummary})`).join("; ")}`,
    );
  });
  assert.deepEqual(violations, [], state);
}
