import test from "node:test";
import { decodeQr } from "tessera-portal/scanner";
import { qrSvg } from "../dist/qr.js";
import { assert, bytes } from "./support.mjs";

/** Draws the SVG as a screen would, black on white, a few pixels per module. */
function drawn(svg, scale) {
  const size = Number(/viewBox="0 0 (\d+) \1"/.exec(svg)[1]);
  const width = size * scale;
  const data = new Uint8ClampedArray(width * width * 4).fill(255);
  const dark = svg.split('fill="#000"')[1];
  for (const [, x, y, length] of dark.matchAll(/M(\d+) (\d+)h(\d+)v1H\d+z/g)) {
    for (let row = y * scale; row < (Number(y) + 1) * scale; row++) {
      for (let column = x * scale; column < (Number(x) + Number(length)) * scale; column++) {
        data.fill(0, (row * width + column) * 4, (row * width + column) * 4 + 3);
      }
    }
  }
  return { width, height: width, data };
}

test("codes are read back from their picture, the longest too", async () => {
  for (const [length, scale] of [
    [1, 4],
    [75, 3],
    [330, 3],
    [2716, 3],
  ]) {
    const text = `tessera:/${"aB3_-".repeat(600)}`.slice(0, Math.max(10, length));
    assert.equal(await decodeQr(drawn(qrSvg(text), scale)), text, `${length} characters`);
  }
});

test("the picture has its quiet zone and nothing that a strict policy refuses", () => {
  const svg = qrSvg("tessera:/x");
  assert.doesNotMatch(svg, /style|script|on\w+=/);
  const columns = [...svg.split('fill="#000"')[1].matchAll(/M(\d+) (\d+)h/g)];
  assert.ok(columns.every(([, x, y]) => x >= 4 && y >= 4));
});

test("a picture without a code gives null", async () => {
  assert.equal(await decodeQr({ width: 64, height: 64, data: new Uint8ClampedArray(64 * 64 * 4).fill(255) }), null);
  await assert.rejects(decodeQr(new Blob([bytes(10)])), ({ code }) => code === "UNSUPPORTED");
});

test("a mirrored picture, as a front camera gives it, is read too", async () => {
  const text = "tessera:/a-mirror-exchanges-left-and-right";
  const { width, height, data } = drawn(qrSvg(text), 4);
  const mirrored = new Uint8ClampedArray(data.length);
  for (let at = 0; at < width * height; at++) {
    const [x, y] = [at % width, Math.floor(at / width)];
    mirrored.set(data.subarray(at * 4, at * 4 + 4), (y * width + (width - 1 - x)) * 4);
  }
  assert.equal(await decodeQr({ width, height, data: mirrored }), text);
});
