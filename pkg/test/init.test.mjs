/** Loading the two modules: every source, and what a failure says. */

import test, { after, before, describe } from "node:test";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { capabilities, init, isTesseraError, memoryStore, Portal, probeCapabilities } from "tessera-portal";
import { Sender, init as initSdk } from "tessera-portal/sdk";
import { loadBuiltIn, loadGiven } from "../dist/module/load.js";

const MODULES = ["core", "sdk"];
const wasm = (name) => new URL(`../dist/core/${name}.wasm`, import.meta.url);
const code = (expected) => (error) => isTesseraError(error) && error.code === expected;
const hashOf = async (name) =>
  `sha384-${createHash("sha384")
    .update(await readFile(wasm(name)))
    .digest("base64")}`;

test("loading", async (t) => {
  await t.test("nothing works before init", () => {
    assert.throws(() => Sender.generate(), code("NOT_INITIALIZED"));
  });

  await t.test("a failure is reported, and may be retried", async () => {
    for (const load of [init, initSdk]) {
      await assert.rejects(load({ wasm: new Uint8Array([0, 97, 115, 109, 9, 0, 0, 0]) }), code("WASM_UNAVAILABLE"));
      await assert.rejects(load({ wasm: new Response("gone", { status: 404 }) }), code("WASM_UNAVAILABLE"));
      await assert.rejects(load({ wasm: new URL("./nothing.wasm", wasm("core")) }), code("WASM_UNAVAILABLE"));
      await assert.rejects(load({ wasm: 7 }), code("INVALID_ARGUMENT"));
      await assert.rejects(load({ wasm: "/relative/in/node.wasm" }), code("INVALID_ARGUMENT"));
      await assert.rejects(load({ wsam: wasm("core") }), code("INVALID_ARGUMENT"));
    }
    assert.throws(() => Sender.generate(), code("NOT_INITIALIZED"));
  });

  await t.test("calls share one promise", async () => {
    for (const load of [init, initSdk]) {
      const first = load();
      assert.equal(load(), first);
      await first;
      assert.equal(load(), first);
    }
    assert.equal(Sender.generate().publicKey.length, 64);
  });
});

test("the portal needs no module of the SDK, and the SDK none of the portal", async () => {
  const store = memoryStore();
  const portal = await Portal.open({
    relay: "http://127.0.0.1:9",
    store,
    passphrase: "correct horse battery staple",
    name: "A",
    create: true,
  });
  await portal.dispose();
  const [core, sdk] = await Promise.all(MODULES.map(async (name) => WebAssembly.compile(await readFile(wasm(name)))));
  const exported = (module) => WebAssembly.Module.exports(module).map(({ name }) => name);
  assert.ok(exported(core).some((name) => name.startsWith("engine_")));
  assert.ok(!exported(core).some((name) => /medcrypt|blindedsender|secureEncrypt/i.test(name)));
  assert.ok(exported(sdk).some((name) => /blindedsender/i.test(name)));
  assert.ok(!exported(sdk).some((name) => name.startsWith("engine_")));
});

test("every kind of source loads", async () => {
  for (const name of MODULES) {
    const file = await readFile(wasm(name));
    const response = (type) => new Response(file, { headers: { "Content-Type": type } });
    for (const source of [
      file,
      file.buffer.slice(file.byteOffset, file.byteOffset + file.length),
      new WebAssembly.Module(file),
      response("application/wasm"),
      response("application/octet-stream"),
      wasm(name),
      wasm(name).href,
    ]) {
      const copy = await import(`../dist/module/${name}.js?${Math.random()}`);
      await copy.init({ wasm: source });
    }
  }
});

test("the built-in hashes are those of the modules", async () => {
  const built = await import("../dist/core/integrity.js");
  const { default: stated } = await import("../dist/integrity.json", { with: { type: "json" } });
  const files = ["core", "core-first", "core-rest", "sdk"];
  for (const name of files) {
    assert.equal(built[`${name.toUpperCase().replace("-", "_")}_INTEGRITY`], await hashOf(name));
    assert.equal(stated[`${name}.wasm`], await hashOf(name));
  }
  assert.deepEqual(Object.keys(stated).sort(), files.map((name) => `${name}.wasm`).sort());
});

describe("a server that does not have the module", () => {
  let server;
  let origin;
  const answers = {};
  before(async () => {
    const file = await readFile(wasm("sdk"));
    Object.assign(answers, {
      "/app/core/sdk.wasm": [200, "text/html; charset=utf-8", "<!doctype html>"],
      "/missing/sdk.wasm": [404, "text/plain", "no"],
      "/other/sdk.wasm": [200, "application/wasm", Buffer.concat([file, Buffer.from([0, 1, 0])])],
      "/right/sdk.wasm": [200, "application/wasm", file],
      "/untyped/sdk.wasm": [200, "application/octet-stream", file],
      "/node_modules/.vite/core/sdk.wasm": [200, "text/html", "<!doctype html>"],
      "/node_modules/tessera-portal/dist/core/sdk.wasm": [200, "application/wasm", file],
      "/broken/sdk.wasm": [200, "application/wasm", "not a module"],
    });
    server = createServer((request, response) => {
      const [status, type, body] = answers[new URL(request.url, "http://host").pathname] ?? [410, "text/plain", ""];
      response.writeHead(status, { "Content-Type": type }).end(body);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${server.address().port}`;
  });
  after(() => server.close());

  const load = async (path, integrity) =>
    loadBuiltIn({
      name: "sdk.wasm",
      integrity: integrity ?? (await hashOf("sdk")),
      url: () => new URL(path, origin),
    });
  const says =
    (...parts) =>
    (error) => {
      assert.ok(code("WASM_UNAVAILABLE")(error), String(error));
      for (const part of [...parts, "/docs/bundlers"])
        assert.ok(error.message.includes(part), `${part}: ${error.message}`);
      return true;
    };

  test("loads the file that has the hash, whatever its type", async () => {
    assert.ok((await load("/right/sdk.wasm")) instanceof WebAssembly.Module);
    assert.ok((await load("/untyped/sdk.wasm")) instanceof WebAssembly.Module);
  });

  test("finds the package beside the folder of Vite's development server", async () => {
    assert.ok((await load("/node_modules/.vite/core/sdk.wasm")) instanceof WebAssembly.Module);
  });

  test("names the address, and the status, the type or the hashes", async () => {
    await assert.rejects(load("/missing/sdk.wasm"), says(`${origin}/missing/sdk.wasm`, "404"));
    await assert.rejects(load("/app/core/sdk.wasm?token=secret"), (error) => {
      assert.ok(!error.message.includes("secret"));
      return says(`${origin}/app/core/sdk.wasm`, "200", "text/html", "application/wasm")(error);
    });
    const hash = await hashOf("sdk");
    await assert.rejects(load("/other/sdk.wasm"), says(`${origin}/other/sdk.wasm`, "integrity mismatch", hash));
    await assert.rejects(load("http://127.0.0.1:9/sdk.wasm"), says("http://127.0.0.1:9/sdk.wasm", "no answer"));
    await assert.rejects(loadGiven(new URL("/broken/sdk.wasm", origin)), says("/broken/sdk.wasm", "not a WebAssembly"));
  });

  test("looks where the package is installed if the bundle has no address, as Node can", async () => {
    process.chdir(fileURLToPath(new URL("..", import.meta.url))); // a package resolves its own exports
    const nowhere = () => new URL("./sdk.wasm", undefined);
    const pathOnly = () => ({ href: "/_next/static/media/sdk.wasm" });
    for (const url of [nowhere, pathOnly]) {
      const file = { name: "sdk.wasm", integrity: await hashOf("sdk"), url };
      assert.ok((await loadBuiltIn(file)) instanceof WebAssembly.Module);
    }
  });
});

test("capabilities are told without loading anything", async () => {
  const now = capabilities();
  assert.equal(now.webAssembly, true);
  assert.equal(now.subtleCrypto, true);
  assert.equal(now.indexedDB, false);
  assert.equal(now.indexedDBCryptoKey, false);
  assert.deepEqual(await probeCapabilities(), now);
});
