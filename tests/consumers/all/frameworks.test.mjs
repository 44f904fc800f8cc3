// The packed package with the frameworks that customers use, built and served as they do: an enrolment and a message through each.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { EXPECTED, RELAY, atRelay, browser, built, consumer, html, shared } from "../lib/consumer.mjs";
import { found } from "../lib/browser.mjs";

shared();

consumer(
  "Angular CLI",
  {
    dependencies: {
      // Version 22 needs Node 22.
      "@angular/build": "^21.0.0",
      "@angular/cli": "^21.0.0",
      "@angular/common": "^21.0.0",
      "@angular/compiler": "^21.0.0",
      "@angular/compiler-cli": "^21.0.0",
      "@angular/core": "^21.0.0",
      "@angular/platform-browser": "^21.0.0",
      rxjs: "^7.0.0",
      tslib: "^2.0.0",
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
    return built(made, "dist/browser");
  },
);

const NEXT_DEPENDENCIES = { next: "^16.0.0", react: "^19.0.0", "react-dom": "^19.0.0" };

/** A running server of a built project, for as long as it is used. */
async function nextServer(made, use) {
  const server = await made.start("next", "start", "--port", "0", "--hostname", "127.0.0.1");
  try {
    return await use(server.url);
  } finally {
    await server.stop();
  }
}

for (const [bundler, flags] of [
  ["Turbopack", []],
  ["webpack", ["--webpack"]],
])
  consumer(
    `Next with ${bundler}`,
    {
      dependencies: NEXT_DEPENDENCIES,
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
        "app/worker/page.jsx": `"use client";
import { useEffect } from "react";
import { memoryStore } from "tessera-portal";
import { openInWorker } from "tessera-portal/worker";
import { converse } from "../../converse.js";
export default function Page() {
  useEffect(() => {
    if (globalThis.found === undefined)
      globalThis.found = converse({ open: openInWorker, memoryStore }, ${RELAY});
  }, []);
  return null;
}`,
        "app/shown/page.jsx": `"use client";
import { useEffect } from "react";
import { Portal, memoryStore } from "tessera-portal";
import { converse } from "../../converse.js";
export default function Page() {
  useEffect(() => {
    const how = { open: (options) => Portal.open(options), memoryStore };
    if (globalThis.found === undefined)
      globalThis.found = import("../../show.js")
        .then(({ show }) => show(how, ${RELAY}))
        .then(() => converse(how, ${RELAY}));
  }, []);
  return null;
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
    },
    {
      "client component": async (made) => {
        await made.run("next", "build", ...flags);
        return nextServer(made, async (url) => {
          assert.match(await (await fetch(url)).text(), /function/, "rendered on the server first");
          return found(browser, atRelay(url));
        });
      },
      "client component, in a worker": (made) => nextServer(made, (url) => found(browser, atRelay(url, "/worker"))),
      "client component, with every entry": (made) => nextServer(made, (url) => found(browser, atRelay(url, "/shown"))),
      "server component and route": (made) =>
        nextServer(made, async (url) => {
          assert.match(await (await fetch(`${url}/server`)).text(), /id="length">64</);
          return (await fetch(atRelay(url, "/api"))).text();
        }),
    },
  );

const EXAMPLE = new URL("../../../examples/next/", import.meta.url);
const example = (path) => readFileSync(new URL(path, EXAMPLE), "utf8");

consumer(
  "the example for Next",
  {
    dependencies: NEXT_DEPENDENCIES,
    manifest: { type: undefined },
    files: Object.fromEntries(
      ["app/layout.jsx", "app/page.jsx", "app/evidence/route.js"].map((path) => [path, example(path)]),
    ),
  },
  async (made) => {
    await made.run("next", "build");
    return nextServer(made, async (url) => {
      const page = await browser.newPage();
      page.setDefaultTimeout(120_000);
      await page.goto(atRelay(url));
      await page.fill("[name=name]", "Dr. Rivera");
      await page.fill("[name=passphrase]", "a passphrase");
      await page.click("form >> text=Open");
      await page.waitForSelector("text=Open, 0 contacts");
      await page.reload();
      await page.fill("[name=name]", "Dr. Rivera");
      await page.fill("[name=passphrase]", "another passphrase");
      await page.click("form >> text=Open");
      await page.waitForSelector("text=WRONG_PASSPHRASE");
      await page.close();
      const form = new FormData();
      for (const part of ["evidence", "body"]) form.append(part, new Blob(["neither"]));
      const answer = await fetch(`${url}/evidence`, { method: "POST", body: form });
      assert.deepEqual([answer.status, await answer.json()], [422, { code: "MALFORMED" }]);
      return EXPECTED;
    });
  },
);

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
    return built(made, "build", { path: "/", allowsInline: "index.html" }); // its pages begin with an inline script
  },
);
