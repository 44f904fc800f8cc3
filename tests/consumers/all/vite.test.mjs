// Vite: the packed package built and in the development server, in the page and in a worker.

import { MAIN, SHOWN, WORKER, built, consumer, developed, html, shared } from "../lib/consumer.mjs";

shared();

const page = (script) => html(`<script type="module" src="/${script}.js"></script>`);

for (const version of ["5", "6", "7", "8"])
  consumer(
    `Vite ${version}`,
    {
      dependencies: { vite: `^${version}.0.0` },
      files: {
        "index.html": page("main"),
        "worker.html": page("worker"),
        "shown.html": page("shown"),
        "main.js": MAIN,
        "shown.js": SHOWN,
        "worker.js": WORKER,
        "vite.config.js": `export default {
          build: { rollupOptions: { input: ["index.html", "worker.html", "shown.html"] } },
          worker: { format: "es" },
        };`,
      },
    },
    {
      built: async (made) => {
        await made.run("vite", "build");
        return built(made, "dist");
      },
      "built, in a worker": (made) => built(made, "dist", { path: "/worker.html" }),
      "built, with every entry": (made) => built(made, "dist", { path: "/shown.html" }),
      "development server": async (made) => developed(await made.start("vite", "--host", "127.0.0.1")),
      "development server, in a worker": async (made) =>
        developed(await made.start("vite", "--host", "127.0.0.1", "--force"), "/worker.html"),
      "development server, with every entry": async (made) =>
        developed(await made.start("vite", "--host", "127.0.0.1", "--force"), "/shown.html"),
    },
  );
