import test from "node:test";
import vm from "node:vm";
import { readFile } from "node:fs/promises";
import { TesseraError, isTesseraError } from "tessera-portal";
import { Sender } from "tessera-portal/sdk";
import { assert, refused } from "./support.mjs";

test("an error has a frozen code, a name, a cause and no value that was passed", async () => {
  const error = await refused("INVALID_ARGUMENT", () => Sender.fromSecret("hunter2"));
  assert.ok(error instanceof TesseraError && error instanceof Error);
  assert.equal(error.name, "TesseraError");
  assert.equal(error.retryable, false);
  assert.throws(() => {
    error.code = "OTHER";
  }, TypeError);
  assert.ok(!error.message.includes("hunter2"));
  assert.equal(new TesseraError("RELAY_BUSY", "m", { cause: 7 }).cause, 7);
  assert.equal(new TesseraError("RELAY_BUSY", "m").retryable, true);
});

test("errors of another realm and of another copy are recognised", async () => {
  const context = vm.createContext({});
  const foreign = vm.runInContext(
    `
    const error = new Error("from elsewhere");
    Object.defineProperty(error, Symbol.for("tessera-portal.error"), { value: true });
    error`,
    context,
  );
  assert.ok(!(foreign instanceof Error), "it is of another realm");
  assert.ok(isTesseraError(foreign));
  const copy = await import("../dist/errors.js?another-copy");
  const error = new copy.TesseraError("STALE", "m");
  assert.ok(!(error instanceof TesseraError));
  assert.ok(isTesseraError(error));
  for (const value of [null, undefined, "TesseraError", new Error("x"), { code: "STALE" }])
    assert.ok(!isTesseraError(value));
});

test("arguments of another realm are taken", () => {
  const context = vm.createContext({});
  const secret = vm.runInContext("new Uint8Array(32).fill(1)", context);
  assert.ok(!(secret instanceof Uint8Array));
  assert.deepEqual(Sender.fromSecret(secret).publicKey, Sender.fromSecret(new Uint8Array(32).fill(1)).publicKey);
});

test("every code has its row in the reference, and its place in what it asks of the host", async () => {
  const text = (path) => readFile(new URL(path, import.meta.url), "utf8");
  const [source, reference, advice] = await Promise.all([
    text("../dist/errors.js"),
    text("../../docs/package.md"),
    text("../../docs/errors.md"),
  ]);
  const codes = [...source.matchAll(/^ {4}([A-Z_]+): (?:true|false),$/gm)].map(([, code]) => code);
  assert.ok(codes.length > 50);
  assert.deepEqual(
    codes.filter((code) => !reference.includes(`| \`${code}\` |`) || !advice.includes(`\`${code}\``)),
    [],
  );
});
