// The packed package with the bundlers and frameworks that customers use, built and served as they do: an enrolment and a message
// through each. It installs hundreds of packages: `cargo xtask consumers`, not part of `cargo xtask test`.

import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startRelay } from "../../node/relay.mjs";
import { EXPECTED } from "../fixtures/converse.js";
import { found, launch, serve } from "../lib/browser.mjs";
import { project } from "../lib/project.mjs";

const RELAY = `new URLSearchParams(location.search).get("relay")`;
const MAIN = `import { Portal, memoryStore } from "tessera-portal";
import { converse } from "./converse.js";
globalThis.found = converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY});
`;
const WORKER = `import { memoryStore } from "tessera-portal";
import { openInWorker } from "tessera-portal/worker";
import { converse } from "./converse.js";
globalThis.found = converse({ open: openInWorker, memoryStore }, ${RELAY});
`;
const html = (script) =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Consumer</title></head><body>${script}</body></html>`;
const MODULE = html('<script type="module" src="/main.js"></script>');

let browser, relay;
before(async () => {
  relay = await startRelay();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await relay?.end();
});

/** Only those whose title matches. */
const ONLY = new RegExp(process.env.TESSERA_CONSUMER ?? "");

/** A test of one consumer: `use` gets the installed project, and gives what was found. */
function consumer(title, { dependencies, files, manifest }, use) {
  if (!ONLY.test(title)) return;
  test(title, async () => {
    const made = await project({ dependencies, files: { "converse.js": null, ...files }, manifest });
    try {
      assert.equal(await use(made), EXPECTED);
    } finally {
      made.remove();
    }
  });
}

const atRelay = (url, path = "/") => `${url}${path}?relay=${relay.url}`;

/** What a built page finds, served with the policy that the documentation asks for. */
async function built(folder, policy) {
  const site = await serve(folder, { policy });
  try {
    return await found(browser, atRelay(site.url, "/index.html"));
  } finally {
    site.stop();
  }
}

/** What a page of a development server finds. */
async function developed(server, path) {
  try {
    return await found(browser, atRelay(server.url, path));
  } finally {
    await server.stop();
  }
}

for (const version of ["5", "6", "7", "8"]) {
  const vite = { dependencies: { vite: `^${version}.0.0` }, files: { "index.html": MODULE, "main.js": MAIN } };
  consumer(`Vite ${version}, built`, vite, async (made) => {
    await made.run("vite", "build");
    return built(join(made.folder, "dist"));
  });
  consumer(`Vite ${version}, development server`, vite, async (made) =>
    developed(await made.start("vite", "--host", "127.0.0.1")),
  );
  const worker = { ...vite, files: { "index.html": MODULE, "main.js": WORKER } };
  consumer(`Vite ${version}, a worker, built`, worker, async (made) => {
    await made.run("vite", "build");
    return built(join(made.folder, "dist"));
  });
  consumer(`Vite ${version}, a worker, development server`, worker, async (made) =>
    developed(await made.start("vite", "--host", "127.0.0.1")),
  );
}

for (const [title, main] of [
  ["webpack 5", MAIN],
  ["webpack 5, a worker", WORKER],
])
  consumer(
    title,
    {
      dependencies: { webpack: "^5.0.0", "webpack-cli": "*" },
      files: {
        "src/index.js": main.replaceAll("./converse.js", "../converse.js"),
        "dist/index.html": html('<script src="main.js"></script>'),
      },
    },
    async (made) => {
      await made.run("webpack", "--mode=production");
      return built(join(made.folder, "dist"));
    },
  );

consumer(
  "Rollup",
  {
    dependencies: { rollup: "^4.0.0", "@rollup/plugin-node-resolve": "*" },
    files: {
      "main.js": MAIN.replace("const", "const").replace(
        "globalThis.found =",
        'import { init } from "tessera-portal";\nawait init({ wasm: "/core.wasm" });\nglobalThis.found =',
      ),
      "dist/index.html": MODULE,
    },
  },
  async (made) => {
    await made.run("rollup", "main.js", "--plugin", "node-resolve", "--format", "es", "--file", "dist/main.js");
    cpSync(join(made.folder, "node_modules/tessera-portal/dist/core/core.wasm"), join(made.folder, "dist/core.wasm"));
    return built(join(made.folder, "dist"));
  },
);

consumer(
  "esbuild, with its loader of files",
  {
    dependencies: { esbuild: "*" },
    files: {
      "main.js": `import wasm from "tessera-portal/core.wasm";
import { Portal, init, memoryStore } from "tessera-portal";
import { converse } from "./converse.js";
globalThis.found = init({ wasm: new URL(wasm, import.meta.url) }).then(() =>
  converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY}));`,
      "dist/index.html": MODULE,
    },
  },
  async (made) => {
    await made.run("esbuild", "main.js", "--bundle", "--format=esm", "--loader:.wasm=file", "--outdir=dist");
    return built(join(made.folder, "dist"));
  },
);

consumer(
  "Parcel",
  {
    dependencies: { parcel: "^2.0.0" },
    manifest: { "@parcel/resolver-default": { packageExports: true } },
    files: { "index.html": html('<script type="module" src="./main.js"></script>'), "main.js": MAIN },
  },
  async (made) => {
    await made.run("parcel", "build", "index.html", "--no-cache", "--public-url", "/");
    return built(join(made.folder, "dist"), null); // it writes an import map into the page
  },
);

consumer(
  "Angular CLI",
  {
    dependencies: {
      "@angular/build": "*",
      "@angular/cli": "*",
      "@angular/common": "*",
      "@angular/compiler": "*",
      "@angular/compiler-cli": "*",
      "@angular/core": "*",
      "@angular/platform-browser": "*",
      rxjs: "*",
      tslib: "*",
      typescript: "~5.9.0",
    },
    files: {
      "angular.json": JSON.stringify({
        version: 1,
        projects: {
          consumer: {
            projectType: "application",
            root: "",
            sourceRoot: "src",
            architect: {
              build: {
                builder: "@angular/build:application",
                options: {
                  browser: "src/main.ts",
                  index: "src/index.html",
                  tsConfig: "tsconfig.json",
                  outputPath: "dist",
                  assets: [{ glob: "core.wasm", input: "node_modules/tessera-portal/dist/core", output: "assets" }],
                },
              },
            },
          },
        },
      }),
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          strict: true,
          target: "ES2022",
          module: "preserve",
          moduleResolution: "bundler",
          allowJs: true,
          experimentalDecorators: true,
          lib: ["ES2022", "ESNext.Disposable", "DOM"],
          types: [],
        },
        files: ["src/main.ts"],
      }),
      "src/index.html": html("<app-root></app-root>"),
      "src/main.ts": `import { Component } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { Portal, init, memoryStore, type OpenOptions } from "tessera-portal";
// @ts-expect-error a script without types
import { converse } from "../converse.js";

@Component({ selector: "app-root", template: "" })
class App {
  constructor() {
    Object.assign(globalThis, {
      found: init({ wasm: "assets/core.wasm" }).then(() =>
        converse({ open: (options: OpenOptions) => Portal.open(options), memoryStore }, ${RELAY})),
    });
  }
}
void bootstrapApplication(App);`,
    },
  },
  async (made) => {
    await made.run("ng", "build");
    return built(join(made.folder, "dist/browser"));
  },
);

const NEXT = {
  dependencies: { next: "*", react: "^19.0.0", "react-dom": "^19.0.0" },
  manifest: { type: undefined },
  files: {
    "app/layout.jsx": `export default ({ children }) => <html lang="en"><body>{children}</body></html>;`,
    "app/page.jsx": `"use client";
import { useEffect } from "react";
import { Portal, memoryStore } from "tessera-portal";
import { converse } from "../converse.js";
export default function Page() {
  useEffect(() => {
    if (globalThis.found === undefined)
      globalThis.found = converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY});
  }, []);
  return <p>{typeof Portal.open}</p>;
}`,
    "app/server/page.jsx": `import { init, Sender } from "tessera-portal/sdk";
export const dynamic = "force-dynamic";
export default async function Page() {
  await init();
  return <p id="length">{Sender.generate().publicKey.length}</p>;
}`,
    "app/api/route.js": `import { Portal, memoryStore } from "tessera-portal";
import { converse } from "../../converse.js";
export const dynamic = "force-dynamic";
export async function GET(request) {
  const relay = new URL(request.url).searchParams.get("relay");
  return new Response(await converse({ open: (options) => Portal.open(options), memoryStore }, relay));
}`,
  },
};
for (const [title, flag] of [
  ["Turbopack", []],
  ["webpack", ["--webpack"]],
])
  consumer(`Next with ${title}: client, server component, route`, NEXT, async (made) => {
    await made.run("next", "build", ...flag);
    const server = await made.start("next", "start", "--port", "0", "--hostname", "127.0.0.1");
    try {
      const component = await (await fetch(`${server.url}/server`)).text();
      assert.match(component, /id="length">64</);
      assert.equal(await (await fetch(atRelay(server.url, "/api"))).text(), EXPECTED);
      return await found(browser, atRelay(server.url));
    } finally {
      await server.stop();
    }
  });

consumer(
  "SvelteKit",
  {
    dependencies: {
      // Version 3 needs Node 22.
      "@sveltejs/adapter-static": "^3.0.0",
      "@sveltejs/kit": "^2.0.0",
      "@sveltejs/vite-plugin-svelte": "^6.0.0",
      svelte: "^5.0.0",
      vite: "^7.0.0",
    },
    files: {
      "svelte.config.js": `import adapter from "@sveltejs/adapter-static";
export default { kit: { adapter: adapter({ fallback: "index.html" }) } };`,
      "vite.config.js": `import { sveltekit } from "@sveltejs/kit/vite";
export default { plugins: [sveltekit()] };`,
      "src/app.html": html("<div>%sveltekit.body%</div>").replace("</head>", "%sveltekit.head%</head>"),
      "src/routes/+layout.js": "export const prerender = true;",
      "src/routes/+page.svelte": `<script>
import { onMount } from "svelte";
import { Portal, memoryStore } from "tessera-portal";
import { converse } from "../../converse.js";
onMount(() => {
  globalThis.found = converse({ open: (options) => Portal.open(options), memoryStore }, ${RELAY});
});
</script>`,
    },
  },
  async (made) => {
    await made.run("vite", "build");
    const site = await serve(join(made.folder, "build"), { policy: null });
    try {
      return await found(browser, atRelay(site.url, "/"));
    } finally {
      site.stop();
    }
  },
);

const SCRIPT = (end) => `import { Portal, memoryStore } from "tessera-portal";
import { converse } from "./converse.js";
const text = await converse({ open: (options) => Portal.open(options), memoryStore }, process.env.RELAY);
${end}`;
const TEST = (imported) => `${imported}
import { Portal, memoryStore } from "tessera-portal";
import { converse, EXPECTED } from "./converse.js";
test("meets", async () => {
  expect(await converse({ open: (options) => Portal.open(options), memoryStore }, process.env.RELAY)).toBe(EXPECTED);
}, 300_000);`;

/** For programs without a page: the relay comes from the environment. */
const atNode = (made, ...words) => made.run("env", `RELAY=${relay.url}`, ...words);

for (const [title, flags, dependencies] of [
  ["Vitest, node", [], {}],
  ["Vitest, jsdom", ["--environment=jsdom"], { jsdom: "*" }],
])
  consumer(
    title,
    {
      dependencies: { vitest: "*", ...dependencies },
      files: { "meets.test.js": TEST('import { expect, test } from "vitest";') },
    },
    async (made) => {
      await atNode(made, "vitest", "run", ...flags);
      return EXPECTED;
    },
  );

consumer("Jest, node", { dependencies: { jest: "^30.0.0" }, files: { "meets.test.js": TEST("") } }, async (made) => {
  await atNode(made, "node", "--experimental-vm-modules", "node_modules/jest/bin/jest.js");
  return EXPECTED;
});

for (const [runtime, words] of [
  ["Bun", ["bun", "main.js"]],
  ["Deno", ["deno", "run", "--allow-all", "main.js"]],
])
  consumer(
    runtime,
    { dependencies: { [runtime.toLowerCase()]: "*" }, files: { "main.js": SCRIPT("console.log(text);") } },
    async (made) => (await atNode(made, ...words)).trim().split("\n").at(-1),
  );
