// The packed package with the bundlers that customers use, built and served as they do: an enrolment and a message through each.

import { cpSync } from "node:fs";
import { join } from "node:path";
import { MAIN, MODULE_PAGE, RELAY, SHOWN, WORKER, built, consumer, html, shared } from "../lib/consumer.mjs";

shared();

/** Puts the module beside the bundle, as the host of a bundler that does not emit it has to. */
const copyModule = (made, to) =>
  cpSync(join(made.folder, "node_modules/tessera-portal/dist/core/core.wasm"), join(made.folder, to));

consumer(
  "webpack 5",
  {
    dependencies: { webpack: "^5.0.0", "webpack-cli": "^6.0.0" },
    files: {
      "main.js": MAIN,
      "worker.js": WORKER,
      "shown.js": SHOWN,
      "dist/main.html": html('<script src="main.js"></script>'),
      "dist/shown.html": html('<script src="shown.js"></script>'),
      "dist/worker.html": html('<script src="worker.js"></script>'),
    },
  },
  {
    page: async (made) => {
      await made.run("webpack", "--mode=production", "--entry=./main.js", "--output-filename=main.js");
      return built(made, "dist", { path: "/main.html" });
    },
    worker: async (made) => {
      await made.run("webpack", "--mode=production", "--entry=./worker.js", "--output-filename=worker.js");
      return built(made, "dist", { path: "/worker.html" });
    },
    "every entry": async (made) => {
      await made.run("webpack", "--mode=production", "--entry=./shown.js", "--output-filename=shown.js");
      return built(made, "dist", { path: "/shown.html" });
    },
  },
);

/** For bundlers that leave the module where it is: the host serves it. */
const SERVED = `import { Portal, init, memoryStore } from "tessera-portal";
import { converse } from "./converse.js";
await init({ wasm: "/core.wasm" });
globalThis.found = converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY});
`;
const SERVED_SHOWN = `import { init } from "tessera-portal";
await init({ wasm: "/core.wasm" });
await import("./shown-all.js");
`;
const SHOWN_PAGE = html('<script type="module" src="/shown.js"></script>');
/** The worker is a bundle of its own. */
const SERVED_WORKER = `import { memoryStore } from "tessera-portal";
import { openInWorker } from "tessera-portal/worker";
import { converse } from "./converse.js";
const open = (options) =>
  openInWorker({ ...options, worker: new Worker("/host.js", { type: "module" }), wasm: "/core.wasm" });
globalThis.found = converse({ open, memoryStore }, ${RELAY});
`;
const WORKER_PAGE = html('<script type="module" src="/worker.js"></script>');

consumer(
  "Rollup",
  {
    dependencies: { rollup: "^4.0.0", "@rollup/plugin-node-resolve": "^16.0.0" },
    files: {
      "main.js": SERVED,
      "worker.js": SERVED_WORKER,
      "host.js": 'import "tessera-portal/worker-host";',
      "shown.js": SERVED_SHOWN,
      "shown-all.js": SHOWN,
      "dist/index.html": MODULE_PAGE,
      "dist/shown.html": SHOWN_PAGE,
      "dist/worker.html": WORKER_PAGE,
    },
  },
  {
    page: async (made) => {
      const entries = ["main.js", "worker.js", "host.js", "shown.js"];
      await made.run("rollup", ...entries, "--plugin", "node-resolve", "--format", "es", "--dir", "dist");
      copyModule(made, "dist/core.wasm");
      return built(made, "dist");
    },
    worker: (made) => built(made, "dist", { path: "/worker.html" }),
    "every entry": (made) => built(made, "dist", { path: "/shown.html" }),
  },
);

consumer(
  "esbuild",
  {
    dependencies: { esbuild: "^0.28.0" },
    files: {
      "main.js": `import wasm from "tessera-portal/core.wasm";
import { Portal, init, memoryStore } from "tessera-portal";
import { converse } from "./converse.js";
globalThis.found = init({ wasm: new URL(wasm, import.meta.url) }).then(() =>
  converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY}));`,
      "inline.js": MAIN.replace('"tessera-portal"', '"tessera-portal/inline"'),
      "worker.js": SERVED_WORKER,
      "host.js": 'import "tessera-portal/worker-host";',
      "shown.js": SERVED_SHOWN,
      "shown-all.js": SHOWN,
      "dist/index.html": MODULE_PAGE,
      "dist/shown.html": SHOWN_PAGE,
      "dist/inline.html": html('<script src="/inline.js"></script>'),
      "dist/worker.html": WORKER_PAGE,
    },
  },
  {
    "its loader of files": async (made) => {
      await made.run("esbuild", "main.js", "--bundle", "--format=esm", "--loader:.wasm=file", "--outdir=dist");
      return built(made, "dist");
    },
    "iife, inline": async (made) => {
      const quiet = "--log-override:empty-import-meta=silent";
      await made.run("esbuild", "inline.js", "--bundle", "--format=iife", quiet, "--outdir=dist");
      return built(made, "dist", { path: "/inline.html" });
    },
    worker: async (made) => {
      await made.run("esbuild", "worker.js", "host.js", "--bundle", "--format=esm", "--outdir=dist");
      copyModule(made, "dist/core.wasm");
      return built(made, "dist", { path: "/worker.html" });
    },
    "every entry": async (made) => {
      await made.run("esbuild", "shown.js", "--bundle", "--format=esm", "--splitting", "--outdir=dist");
      return built(made, "dist", { path: "/shown.html" });
    },
  },
);

const parcelled = (manifest, files) => ({
  dependencies: { parcel: "^2.0.0" },
  manifest,
  files: { "index.html": html('<script type="module" src="./main.js"></script>'), "main.js": MAIN, ...files },
});

async function parcel(made, page = "index") {
  await made.run("parcel", "build", `${page}.html`, "--no-cache", "--public-url", "/");
  return built(made, "dist", { path: `/${page}.html`, allowsInline: `${page}.html` }); // it writes an import map into the page
}

consumer("Parcel, by main", parcelled({}, {}), (made) => parcel(made));
// Only then it finds entries besides the main one.
consumer(
  "Parcel, by exports",
  parcelled(
    { "@parcel/resolver-default": { packageExports: true } },
    {
      "shown.html": html('<script type="module" src="./shown.js"></script>'),
      "shown.js": SHOWN,
      "worker.html": html('<script type="module" src="./worker.js"></script>'),
      "worker.js": WORKER,
    },
  ),
  {
    "every entry": (made) => parcel(made, "shown"),
    worker: (made) => parcel(made, "worker"),
  },
);
