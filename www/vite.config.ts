import { defineConfig, type Plugin } from "vite";

/** `assets.json`: what the service worker keeps. */
const assetList: Plugin = {
  name: "asset-list",
  enforce: "post", // after chunks that hold nothing but styles are gone
  generateBundle(_, bundle) {
    const files = Object.keys(bundle).filter((name) => name.startsWith("assets/"));
    this.emitFile({ type: "asset", fileName: "assets.json", source: JSON.stringify(files.map((name) => `/${name}`)) });
  },
};

export default defineConfig({
  plugins: [assetList],
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
