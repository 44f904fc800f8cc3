// A relay's batches, byte by byte: a 192-byte signed header, then the cells.

import { createHash, generateKeyPairSync, sign } from "node:crypto";

export const LOBBY = 0xffffffff;
export const HEADER_LEN = 192;
const SIGNED_LEN = 128;

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

export function parseBatch(bytes) {
  const cellSize = bytes.readUInt32BE(124);
  const cells = [];
  for (let at = HEADER_LEN; at < bytes.length; at += cellSize) cells.push(bytes.subarray(at, at + cellSize));
  return {
    bucket: bytes.readUInt32BE(4),
    epoch: bytes.readBigUInt64BE(40),
    closedAt: bytes.readBigUInt64BE(48),
    cellSize,
    cells,
  };
}

/** An Ed25519 key to publish with; its public key is the origin. */
export function publisher() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { privateKey, origin: publicKey.export({ type: "spki", format: "der" }).subarray(-32) };
}

/** SHA-256 over that of the tags and that of what follows each tag. */
export function batchDigest(cells) {
  const part = (cut) => sha256(Buffer.concat(cells.map(cut)));
  return sha256(Buffer.concat([part((cell) => cell.subarray(0, 16)), part((cell) => cell.subarray(16))]));
}

export function buildBatch({ bucket, epoch, closedAt, cellSize, cells }, { privateKey, origin }, previousHeader) {
  const header = Buffer.alloc(HEADER_LEN);
  const body = Buffer.concat(cells);
  header.write("TSB2", 0, "latin1");
  header.writeUInt32BE(bucket, 4);
  origin.copy(header, 8);
  header.writeBigUInt64BE(epoch, 40);
  header.writeBigUInt64BE(closedAt, 48);
  if (previousHeader) sha256(previousHeader).copy(header, 56);
  batchDigest(cells).copy(header, 88);
  header.writeUInt32BE(cells.length, 120);
  header.writeUInt32BE(cellSize, 124);
  sign(null, header.subarray(0, SIGNED_LEN), privateKey).copy(header, SIGNED_LEN);
  return Buffer.concat([header, body]);
}

/** A fresh X25519 public key, for a stranger's cell in place of the encapsulated key. */
export function freshEnc() {
  const { publicKey } = generateKeyPairSync("x25519");
  return publicKey.export({ type: "spki", format: "der" }).subarray(-32);
}
