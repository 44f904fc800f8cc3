// Cells of 2 KiB: the core's seal and open against @hpke/core, which works through WebCrypto.

import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { concat, equal, hex, random, text } from "./bytes.mjs";
import { agree } from "./check.mjs";
import { compare } from "./measure.mjs";

const CELL = 2048;
const CAPACITY = CELL - 64;
const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const INFO = text("tessera/v1/cell");
const PSK_ID = text("tessera/v1/cell/psk");

/** Protocol §6 on @hpke/core, for the recipient whose pair DeriveKeyPair gives. */
async function hpkeCells(ikm, key) {
  const pair = await suite.kem.deriveKeyPair(ikm);
  const psk = { id: PSK_ID, key };
  return {
    async seal(tag, delivery) {
      const sender = await suite.createSenderContext({ recipientPublicKey: pair.publicKey, info: INFO, psk });
      const ciphertext = await sender.seal(padded(wholeBody(delivery)), tag);
      return concat(tag, new Uint8Array(sender.enc), new Uint8Array(ciphertext));
    },
    async open(cell) {
      const recipient = await suite.createRecipientContext({
        recipientKey: pair.privateKey,
        enc: cell.slice(16, 48),
        info: INFO,
        psk,
      });
      return unwrapped(unpadded(new Uint8Array(await recipient.open(cell.subarray(48), cell.subarray(0, 16)))));
    },
  };
}

export async function crossCheck(bench, vectors) {
  const [ikm, psk, tag, delivery] = [random(32), random(32), random(16), random(1500)];
  const variants = { tessera: new bench.CellKeys(ikm, psk), hpke: await hpkeCells(ikm, psk) };
  for (const [sealer, { seal }] of Object.entries(bound(variants))) {
    const cell = await seal(tag, delivery);
    agree(cell.length === CELL, `a cell of ${sealer} has ${cell.length} bytes`);
    for (const [opener, { open }] of Object.entries(bound(variants))) {
      agree(equal(await open(cell), delivery), `${opener} does not open the cell of ${sealer}`);
      agree(await fails(() => open(flipped(cell))), `${opener} opens an altered cell`);
    }
  }
  return openVectors(bench, vectors);
}

/** The vectors give a recipient's identity secret; its KEM key comes from HKDF (§2). */
async function openVectors(bench, vectors) {
  let cases = 0;
  for (const vector of vectors.cases) {
    if (!vector.valid || vector.cell.length !== 2 * CELL) continue;
    const ikm = await derive(hex(vector.recipient_secret), "tessera/v1/identity/kem");
    const psk = hex(vector.psk);
    const cell = hex(vector.cell);
    const delivery = hex(vector.delivery);
    agree(equal(new bench.CellKeys(ikm, psk).open(cell), delivery), "tessera, a vector's cell");
    agree(equal(await (await hpkeCells(ikm, psk)).open(cell), delivery), "@hpke/core, a vector's cell");
    cases += 1;
  }
  agree(cases > 0, "no vectors of 2 KiB cells");
  return cases;
}

export async function measure(bench, budget) {
  const [ikm, psk, tag, delivery] = [random(32), random(32), random(16), random(1500)];
  const ours = new bench.CellKeys(ikm, psk);
  const peer = await hpkeCells(ikm, psk);
  const cell = ours.seal(tag, delivery);
  return {
    seal: await compare(
      { tessera: () => void ours.seal(tag, delivery), hpke: async () => void (await peer.seal(tag, delivery)) },
      budget,
    ),
    open: await compare(
      { tessera: () => void ours.open(cell), hpke: async () => void (await peer.open(cell)) },
      budget,
    ),
  };
}

function bound(variants) {
  const pairs = Object.entries(variants).map(([name, v]) => [
    name,
    { seal: (...a) => v.seal(...a), open: (...a) => v.open(...a) },
  ]);
  return Object.fromEntries(pairs);
}

/** CBOR `[0, delivery]`, for deliveries of 256 to 65535 bytes. */
function wholeBody(delivery) {
  return concat([0x82, 0x00, 0x59, delivery.length >> 8, delivery.length & 0xff], delivery);
}

/** `u32(len) || body || zeros` */
function padded(body) {
  const out = new Uint8Array(CAPACITY);
  new DataView(out.buffer).setUint32(0, body.length);
  out.set(body, 4);
  return out;
}

function unpadded(plaintext) {
  const end = 4 + new DataView(plaintext.buffer).getUint32(0);
  if (plaintext.subarray(end).some((byte) => byte !== 0)) throw new Error("padding");
  return plaintext.subarray(4, end);
}

/** The delivery of CBOR `[0, delivery]` in shortest form. */
function unwrapped(body) {
  const head = body[2] === 0x58 ? 4 : body[2] === 0x59 ? 5 : 3;
  return body.subarray(head);
}

function flipped(cell) {
  const copy = cell.slice();
  copy[100] ^= 1;
  return copy;
}

async function fails(run) {
  try {
    await run();
    return false;
  } catch {
    return true;
  }
}

async function derive(ikm, label) {
  const info = concat([0, 0, 0, label.length], text(label));
  const key = await crypto.subtle.importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: text("tessera/v1"), info }, key, 256),
  );
}
