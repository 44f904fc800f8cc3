// Runs in the page: first checks that all variants compute the same, then measures.

import { init } from "tessera-portal";
import { init as initSdk } from "tessera-portal/sdk";
import * as cells from "./cells.mjs";
import * as detection from "./detection.mjs";
import * as memory from "./memory.mjs";
import * as portal from "./portal.mjs";
import * as proofs from "./proofs.mjs";
import * as webcrypto from "./webcrypto.mjs";
import { BUDGETS } from "./measure.mjs";

globalThis.run = async (mode) => {
  const budget = BUDGETS[mode];
  await Promise.all([init({ wasm: "/core.wasm" }), initSdk({ wasm: "/sdk.wasm" })]);
  // A separate module: the package does not contain these bindings.
  const bench = await import("/bench/bench.js");
  await bench.default({ module_or_path: "/bench/bench.wasm" });

  const checked = {
    proofs: await proofs.crossCheck(await vectors("proof")),
    cells: await cells.crossCheck(bench, await vectors("cell")),
  };
  await webcrypto.crossCheck();
  return {
    checked,
    proofs: await proofs.measure(budget),
    cells: await cells.measure(bench, budget),
    detection: await detection.measure(bench, budget),
    firstPull: detection.firstPull(bench),
    webcrypto: await webcrypto.measure(budget),
    portal: await portal.measure(budget),
    memory: await memory.measure(),
    isolated: crossOriginIsolated,
  };
};

const vectors = async (name) => (await fetch(`/vectors/${name}.json`)).json();
