// Runs one part in the page: first checks that all variants compute the same, then measures.

import { init } from "tessera-portal";
import { init as initSdk } from "tessera-portal/sdk";
import * as cells from "./cells.mjs";
import * as detection from "./detection.mjs";
import * as memory from "./memory.mjs";
import * as portal from "./portal.mjs";
import * as proofs from "./proofs.mjs";
import * as webcrypto from "./webcrypto.mjs";
import { BUDGETS } from "./measure.mjs";

/** By the names of lib/parts.mjs. */
const PARTS = {
  async proofs(_, budget) {
    const checked = await proofs.crossCheck(await vectors("proof"));
    return { checked, ...(await proofs.measure(budget)) };
  },
  async cells(bench, budget) {
    const checked = await cells.crossCheck(bench, await vectors("cell"));
    return { checked, ...(await cells.measure(bench, budget)) };
  },
  finding: detection.finding,
  checking: detection.checking,
  tags: detection.firstPull,
  vaults: portal.vaults,
  absence: portal.absence,
  async webcrypto(_, budget) {
    await webcrypto.crossCheck();
    return webcrypto.measure(budget);
  },
  memory: memory.measure,
};

globalThis.run = async ({ part, mode }) => {
  await Promise.all([init({ wasm: "/core.wasm" }), initSdk({ wasm: "/sdk.wasm" })]);
  // A separate module: the package does not contain these bindings.
  const bench = await import("/bench/bench.js");
  await bench.default({ module_or_path: "/bench/bench.wasm" });
  return { ...(await PARTS[part](bench, BUDGETS[mode])), isolated: crossOriginIsolated };
};

const vectors = async (name) => (await fetch(`/vectors/${name}.json`)).json();
