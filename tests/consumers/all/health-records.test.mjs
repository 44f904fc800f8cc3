// The examples for health records that are frameworks of their own: type-checked and bundled as their authors would.

import { cpSync, existsSync, readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { project } from "../lib/project.mjs";

const ONLY = new RegExp(process.env.TESSERA_CONSUMER ?? "");

for (const [name, entry, external] of [
  ["medplum", "src/main.tsx", []],
  // OpenMRS's shell shares these between all modules.
  ["openmrs", "src/index.ts", ["@openmrs/esm-framework", "react", "react-dom"]],
]) {
  if (!ONLY.test(name)) continue;
  test(`${name}: type-checks and builds`, async () => {
    const example = fileURLToPath(new URL(`../../../examples/${name}/`, import.meta.url));
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(example, "package.json"), "utf8"));
    const { "tessera-portal": _, ...others } = { ...dependencies, ...devDependencies };
    const made = await project({ dependencies: others });
    try {
      for (const file of ["src", "tsconfig.json"])
        cpSync(join(example, file), join(made.folder, file), { recursive: true });
      await made.run("tsc", "-p", "tsconfig.json");
      const words = [
        "--bundle",
        "--format=esm",
        "--splitting",
        "--outdir=dist",
        "--jsx=automatic",
        "--log-level=error",
      ];
      await made.run("esbuild", entry, ...words, ...external.map((dependency) => `--external:${dependency}`));
      assert.ok(existsSync(join(made.folder, "dist")));
      if (name === "openmrs") requireExports(made.folder);
    } finally {
      made.remove();
    }
  });
}

/** Each component that `routes.json` names is an export of the module. */
function requireExports(folder) {
  const { extensions } = JSON.parse(readFileSync(join(folder, "src/routes.json"), "utf8"));
  const module = readFileSync(join(folder, "dist/index.js"), "utf8");
  const exported = /export \{([^}]*)\};?\s*$/.exec(module.replace(/\/\/#.*$/m, ""))?.[1] ?? "";
  assert.ok(extensions.length > 0);
  for (const { component, slot } of extensions) {
    assert.match(exported, new RegExp(`\\b${component}\\b`));
    assert.match(slot, /^patient-chart-.*-dashboard-slot$/);
  }
}
