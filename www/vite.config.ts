import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    // Everything is its own file: the page is served under `default-src 'self'`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The hospital portal, the stage, and the page that verifies an exported audit log.
    rolldownOptions: { input: ["index.html", "stage.html", "verify.html"] },
  },
  server: {
    host: "127.0.0.1",
    fs: { allow: [".."] },
    // During development the API answers from a relay started beside Vite.
    proxy: { "/v1": "http://127.0.0.1:8100" },
  },
});
