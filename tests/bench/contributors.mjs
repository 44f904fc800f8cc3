// What a module is made of: the size of its code by crate and module, from the names that the compiler leaves before wasm-bindgen
// removes them, and of its data. Bytes before compression.
//
//   node tests/bench/contributors.mjs target/wasm32-unknown-unknown/wasm/tessera.wasm

import { readFile } from "node:fs/promises";

const bytes = await readFile(process.argv[2]);

/** Reads the module from an offset on. */
class Reader {
  constructor(at, end) {
    this.at = at;
    this.end = end;
  }
  byte() {
    return bytes[this.at++];
  }
  number() {
    let [value, shift, byte] = [0, 0, 128];
    while (byte & 128) {
      byte = this.byte();
      value += (byte & 127) * 2 ** shift;
      shift += 7;
    }
    return value;
  }
  text() {
    const length = this.number();
    this.at += length;
    return bytes.toString("utf8", this.at - length, this.at);
  }
}

const sizes = [];
const names = new Map();
let [imported, data] = [0, 0];
const all = new Reader(8, bytes.length);
while (all.at < all.end) {
  const id = all.byte();
  const length = all.number();
  const section = new Reader(all.at, all.at + length);
  all.at += length;
  if (id === 2) imported = imports(section);
  if (id === 10) {
    for (let left = section.number(); left > 0; left--) {
      const size = section.number();
      sizes.push(size);
      section.at += size;
    }
  }
  if (id === 11) data = length;
  if (id === 0 && section.text() === "name") functionNames(section);
}

/** Functions that are imported come first in the index. */
function imports(section) {
  let functions = 0;
  for (let left = section.number(); left > 0; left--) {
    section.text();
    section.text();
    const kind = section.byte();
    if (kind === 0) functions += 1;
    if (kind === 1) section.byte();
    if (kind === 1 || kind === 2) {
      const flags = section.byte();
      section.number();
      if (flags & 1) section.number();
    } else if (kind === 3) section.at += 2;
    else section.number();
  }
  return functions;
}

function functionNames(section) {
  while (section.at < section.end) {
    const id = section.byte();
    const length = section.number();
    const end = section.at + length;
    if (id === 1)
      for (let left = section.number(); left > 0; left--) {
        const index = section.number();
        names.set(index, section.text());
      }
    section.at = end;
  }
}

/** The parts of a mangled path: `_ZN4core3fmt…E`. */
function parts(name) {
  const found = [];
  if (!name.startsWith("_ZN")) return [name];
  for (let at = 3; /\d/.test(name[at]); ) {
    const [digits] = /^\d+/.exec(name.slice(at));
    at += digits.length;
    found.push(name.slice(at, at + Number(digits)));
    at += Number(digits);
  }
  return found;
}

const GROUPS = [
  [/describe/, undefined], // read by wasm-bindgen, and removed
  [/curve25519_dalek|x25519|ed25519/, "curves: curve25519-dalek, x25519-dalek, ed25519-dalek"],
  [/ml_kem|module_lattice|x_wing|xwing|keccak|sha3|turboshake|kem\.\./, "X-Wing: ML-KEM, SHA-3"],
  [/aes|polyval|ghash|cipher|ctr/, "AES-GCM"],
  [/sha2|hkdf|hmac|pbkdf2|digest/, "SHA-2, HKDF, HMAC"],
  [/hpke/, "HPKE"],
  [/tessera\.\.client|tessera\d*client|^engine_|flows/, "the engine: src/client"],
  [/tessera\.\.wasm/, "bindings: src/wasm"],
  [/tessera\.\.(vault|audit|emergency)/, "vault, audit log, shares"],
  [
    /tessera\.\.(envelope|enrolment|channel|pseudonym|identity|medcrypt|secure|crypto)/,
    "protocol: envelopes, enrolment, proofs",
  ],
  [/tessera\.\.(wire|base)/, "encodings: src/wire, src/base"],
  [/minicbor|serde|base64ct|base32ct/, "CBOR, serde, base64"],
  [/js_sys|wasm_bindgen|web_sys|gloo|wbindgen|wbg/, "wasm-bindgen, web-sys, gloo-net"],
  [/core|alloc|std|dlmalloc|hashbrown|memchr/, "Rust's own libraries"],
];

const groups = new Map();
for (const [at, size] of sizes.entries()) {
  const path = parts(names.get(imported + at) ?? "")
    .join("..")
    .replaceAll("::", "..");
  const [, group = undefined] = GROUPS.find(([pattern]) => pattern.test(path)) ?? [
    undefined,
    "other exports and functions",
  ];
  if (group !== undefined) groups.set(group, (groups.get(group) ?? 0) + size);
}
groups.set("data: tables of Unicode, texts", data);
const total = [...groups.values()].reduce((sum, size) => sum + size, 0);
console.log("| part | KiB | share |\n| --- | ---: | ---: |");
for (const [group, size] of [...groups].sort(([, a], [, b]) => b - a))
  console.log(`| ${group} | ${(size / 1024).toFixed(1)} | ${((100 * size) / total).toFixed(0)} % |`);
