import test from "node:test";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { Sender, capabilities, init, isTesseraError, probeCapabilities } from "tessera-portal";

const WASM = new URL("../dist/core/core.wasm", import.meta.url);
const code = (expected) => (error) => isTesseraError(error) && error.code === expected;

test("loading", async (t) => {
  await t.test("nothing works before init", () => {
    assert.throws(() => Sender.generate(), code("NOT_INITIALIZED"));
  });

  await t.test("a failure is told, and may be retried", async () => {
    await assert.rejects(init({ wasm: new Uint8Array([0, 97, 115, 109, 9, 0, 0, 0]) }), code("WASM_UNAVAILABLE"));
    await assert.rejects(init({ wasm: new Response("gone", { status: 404 }) }), code("WASM_UNAVAILABLE"));
    await assert.rejects(init({ wasm: new URL("./nothing.wasm", WASM) }), code("WASM_UNAVAILABLE"));
    await assert.rejects(init({ wasm: 7 }), code("INVALID_ARGUMENT"));
    assert.throws(() => Sender.generate(), code("NOT_INITIALIZED"));
  });

  await t.test("calls share one promise", async () => {
    const first = init();
    assert.equal(init(), first);
    await first;
    assert.equal(init(), first);
    assert.equal(Sender.generate().publicKey.length, 64);
  });
});

test("every kind of source loads", async () => {
  const file = await readFile(WASM);
  const response = () => new Response(file, { headers: { "Content-Type": "application/wasm" } });
  for (const source of [
    file,
    file.buffer.slice(file.byteOffset, file.byteOffset + file.length),
    new WebAssembly.Module(file),
    response(),
    WASM,
  ]) {
    const copy = await import(`../dist/module/init.js?${Math.random()}`);
    await copy.init({ wasm: source });
  }
});

test("the built-in hash is the module's", async () => {
  const hash = `sha384-${createHash("sha384")
    .update(await readFile(WASM))
    .digest("base64")}`;
  const { CORE_INTEGRITY } = await import("../dist/core/integrity.js");
  assert.equal(CORE_INTEGRITY, hash);
  const { default: integrity } = await import("../dist/integrity.json", { with: { type: "json" } });
  assert.equal(integrity["core.wasm"], hash);
});

test("capabilities are told without loading anything", async () => {
  const now = capabilities();
  assert.equal(now.webAssembly, true);
  assert.equal(now.subtleCrypto, true);
  assert.equal(now.indexedDB, false);
  assert.equal(now.indexedDBCryptoKey, false);
  assert.deepEqual(await probeCapabilities(), now);
});
