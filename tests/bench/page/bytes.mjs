// The protocol's encodings (§1), which the peers share: u32, lp, parts.

const utf8 = new TextEncoder();

export const text = (string) => utf8.encode(string);

/** Label and items, each after its length. */
export function parts(label, ...items) {
  const all = [text(label), ...items];
  const out = new Uint8Array(all.reduce((sum, item) => sum + 4 + item.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const item of all) {
    view.setUint32(at, item.length);
    out.set(item, at + 4);
    at += 4 + item.length;
  }
  return out;
}

export function concat(...items) {
  const out = new Uint8Array(items.reduce((sum, item) => sum + item.length, 0));
  let at = 0;
  for (const item of items) {
    out.set(item, at);
    at += item.length;
  }
  return out;
}

export function equal(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export const hex = (string) => Uint8Array.from(string.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

export function random(length) {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(out.subarray(at, at + 65_536));
  return out;
}
