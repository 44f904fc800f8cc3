// Whatever a file holds, the reader of results neither fails nor hides that it left something out.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readResult, resultText } from "../dist/fhir/index.js";
import { scan } from "../dist/fhir/scanner.js";
import { bundle, encode, observation, rowsOf, told } from "./fhir-samples.mjs";
import { HOSTILE, arbitrary } from "./foreign.mjs";

function isFhir(document) {
  try {
    return typeof JSON.parse(document)?.resourceType === "string" && JSON.parse(document).resourceType.trim() !== "";
  } catch {
    return false;
  }
}

describe("no input makes the reader fail", () => {
  test("arbitrary documents", () => {
    const seed = 77;
    let read = 0;
    for (const { document } of arbitrary(seed, 4_000)) {
      for (const lang of ["en", "es"])
        assert.equal(typeof resultText(encode(document), { lang }), "string", `seed ${seed}: ${document}`);
      // What is FHIR is read, not given up.
      if (!isFhir(document)) continue;
      read += 1;
      assert.notEqual(readResult(encode(document)).kind, "unreadable", `seed ${seed}: ${document}`);
    }
    assert.ok(read > 3_000);
  });

  for (const [name, document] of HOSTILE)
    test(name, () => {
      const before = performance.now();
      assert.ok(told(document).length > 0);
      assert.ok(performance.now() - before < 20_000, "in bounded time");
    });

  test("a time zone that does not exist is refused before anything is read", () => {
    for (const document of ["", observation()])
      assert.throws(() => readResult(encode(document), { timeZone: "Mars/Olympus" }), { code: "INVALID_ARGUMENT" });
  });

  test("arbitrary bytes", () => {
    for (let length = 0; length < 300; length += 1) {
      const bytes = Uint8Array.from({ length }, (_, index) => (index * 167 + length * 31) % 256);
      assert.equal(readResult(bytes).kind, length === 0 ? "empty" : "unreadable");
    }
  });

  test("rows beyond the limit are counted", () => {
    const entry = Array.from({ length: 700 }, (_, id) => ({ resource: observation({ id: `o${id}` }) }));
    assert.match(told(bundle(...entry)), /^200 more results are in the original/);
    assert.equal(rowsOf(bundle(...entry)).length, 500);
  });

  test("long texts and lists are cut, with a warning", () => {
    const long = told(observation({ code: { text: "x".repeat(1_000_000) } }));
    assert.ok(long.length < 50_000);
    assert.match(long, /^There is more in the original: long texts and lists/);
    const performer = Array.from({ length: 100_000 }, (_, index) => ({ display: `P${index}` }));
    assert.match(told(observation({ performer })), /long texts and lists[\s\S]*By: P0, [\s\S]*P49\n/);
    assert.doesNotMatch(told(observation()), /long texts/);
  });

  test("nested panels are cut at depth 8, with a warning", () => {
    const entry = Array.from({ length: 40 }, (_, level) => ({
      resource: observation({
        id: `o${level}`,
        hasMember: [1, 2, 3].map((step) => ({ reference: `Observation/o${level + step}` })),
      }),
    }));
    assert.match(told(bundle(...entry)), /results are shown to a depth of 8/);
  });

  test("nested Bundles are read to depth 3; the rest are counted", () => {
    const inside = (depth, resource) => (depth === 0 ? resource : bundle({ resource: inside(depth - 1, resource) }));
    assert.match(told(inside(4, observation())), /Creatinine/);
    assert.match(told(inside(5, observation())), /1 inner Bundles were not read/);
  });
});

describe("the scanner", () => {
  test("reads what JSON.parse reads, and refuses what it refuses", () => {
    const plain = (value) => JSON.parse(JSON.stringify(value, (_, one) => (one?.text ? Number(one.text) : one)));
    const texts = ['{"a":[1,2.50,-0,1e3,true,null,"\\u00e9\\n\\"x\\\\"]}', "[]", " {} ", '""', "0", '{"__proto__":1}'];
    for (const source of texts) assert.deepEqual(plain(scan(source).root), plain(JSON.parse(source)), source);
    for (const source of [
      "",
      "{",
      "[1,]",
      "{a:1}",
      "01",
      "1.",
      "+1",
      "'a'",
      '"\n"',
      "[1 2]",
      "nul",
      '{"a" 1}',
      "1 1",
      '"\\x"',
    ])
      assert.throws(() => scan(source), SyntaxError, source);
  });

  test("keeps the digits of every number", () => {
    for (const digits of ["1.0", "1.00", "1E-22", "-0", "123456789012345678901234567890", "1e999"])
      assert.equal(scan(digits).root.text, digits);
  });

  test("counts repeated names", () => {
    const text = told('{"resourceType":"Observation","status":"final","valueString":"7","valueString":"8"}');
    assert.match(text, /states something twice/);
  });
});
