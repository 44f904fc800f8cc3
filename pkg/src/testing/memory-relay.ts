/** A relay in memory, for tests of hosts: it speaks the relay's interface (protocol §12) and signs its batches, without a network. */

import { integer, options as known, text } from "../arguments.js";
import { hex } from "../bytes.js";
import { TesseraError } from "../errors.js";
import { sha256, subtle } from "../module/webcrypto.js";
import type { RelayClient } from "../relay/client.js";
import { remembered } from "../remembered.js";

const CELL = 2048;
const TAG = 16;
const LOBBY = 0xffff_ffff;
const DAY_SECONDS = 86_400;

export interface MemoryRelayOptions {
  /** What invitations name; `https://relay.invalid` if left out. */
  readonly url?: string;
  /** A power of two up to 64; 1 if left out. */
  readonly buckets?: number;
  /** 1 to 86 400; 1 if left out. Posted cells are published at the next request, however long an epoch is. */
  readonly epochSeconds?: number;
  /** 1024 to 16 777 216; 262 144 if left out. */
  readonly maxAttachmentBytes?: number;
}

export interface MemoryRelay extends RelayClient {
  /** While true, requests fail as if there were no network. */
  offline: boolean;
}

interface Published {
  readonly epoch: number;
  readonly digest: string;
  readonly count: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly header: Uint8Array<ArrayBuffer>;
}

/**
 * A relay for portals of this page: pass it as `relay` to all that should reach each other. It has no cover, no retention and no
 * segments, and hides nothing: for tests only. `UNSUPPORTED` where WebCrypto has no Ed25519.
 */
export function memoryRelay(options: MemoryRelayOptions = {}): MemoryRelay {
  const {
    url = "https://relay.invalid",
    buckets = 1,
    epochSeconds = 1,
    maxAttachmentBytes = 2 ** 18,
  } = known(options, "options", ["url", "buckets", "epochSeconds", "maxAttachmentBytes"]);
  text(url, "url");
  integer(buckets, "buckets", 1, 64);
  integer(epochSeconds, "epochSeconds", 1, DAY_SECONDS);
  integer(maxAttachmentBytes, "maxAttachmentBytes", 1024, 2 ** 24);
  const mailboxes = new Map<number, Mailbox>();
  let origin: Promise<Origin> | undefined;
  const mailbox = async (bucket: number): Promise<Mailbox> => {
    origin ??= Origin.generate();
    const signer = await origin;
    return remembered(mailboxes, bucket, () => new Mailbox(bucket, signer));
  };
  const info = async (): Promise<string> => {
    origin ??= Origin.generate();
    return JSON.stringify({
      protocol: 1,
      origin: (await origin).hex,
      buckets,
      cell_size: CELL,
      epoch_seconds: epochSeconds,
      lobby: { epoch_seconds: 1, cells: 16, retention_seconds: DAY_SECONDS },
      retention_seconds: 60 * DAY_SECONDS,
      slot: { per_bucket: 1 },
      max_attachment_bytes: maxAttachmentBytes,
      cover: {
        mechanism: "fixed",
        cells: 0,
        epsilon: null,
        delta: null,
        sensitivity: 1,
        batches: 1,
        mean: 0,
        note: "",
      },
      time: seconds(),
    });
  };
  const relay: MemoryRelay = {
    url,
    offline: false,
    async get(path) {
      requireNetwork(relay);
      if (path === "/v1/info") return utf8(await info());
      const [, name = "", what, epoch] =
        /^\/v1\/buckets\/(\d+|lobby)\/(index|batches\/[0-9a-f]{64}\/(\d+)(?:\/tags)?)$/.exec(path) ?? [];
      if (what === undefined || (name !== "lobby" && Number(name) >= buckets)) throw notFound();
      const box = await mailbox(name === "lobby" ? LOBBY : Number(name));
      if (what === "index") return utf8(await box.index(name === "lobby" ? 1 : epochSeconds));
      return box.batch(Number(epoch), what.endsWith("/tags"));
    },
    async post(path, body) {
      requireNetwork(relay);
      const entry = 4 + CELL;
      if (path !== "/v1/cells" || body.length === 0 || body.length % entry !== 0 || body.length > 64 * entry)
        throw new TesseraError("RELAY_REFUSED", "not a post of cells");
      for (let at = 0; at < body.length; at += entry) {
        const bucket = new DataView(body.buffer, body.byteOffset + at).getUint32(0);
        if (bucket !== LOBBY && bucket >= buckets) throw new TesseraError("RELAY_REFUSED", "no such bucket");
        (await mailbox(bucket)).put(body.slice(at + 4, at + entry));
      }
    },
  };
  return relay;
}

/** One bucket, or the lobby: what waits, and a chain of signed batches. */
class Mailbox {
  readonly #bucket: number;
  readonly #origin: Origin;
  readonly #known = new Set<string>();
  readonly #published: Published[] = [];
  #waiting: Uint8Array<ArrayBuffer>[] = [];
  #turn: Promise<unknown> = Promise.resolve();

  constructor(bucket: number, origin: Origin) {
    this.#bucket = bucket;
    this.#origin = origin;
  }

  /** A cell that is there already is stored once. */
  put(cell: Uint8Array<ArrayBuffer>): void {
    const key = hex(cell);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#waiting.push(cell);
  }

  /** Publishes what waits, or an empty batch where an epoch has passed, and lists all batches. */
  async index(epochSeconds: number): Promise<string> {
    const turn = this.#turn.then(() => this.#publish(epochSeconds));
    this.#turn = turn.catch(() => {});
    await turn;
    const batches = this.#published.map(({ epoch, digest, count }) => ({
      origin: this.#origin.hex,
      epoch,
      count,
      digest,
    }));
    return JSON.stringify({ oldest: batches[0]?.epoch ?? null, batches, segments: [] });
  }

  async batch(epoch: number, tagsOnly: boolean): Promise<Uint8Array> {
    const batch = this.#published.find((published) => published.epoch === epoch);
    if (batch === undefined) throw notFound();
    if (!tagsOnly) return batch.bytes.slice();
    const cells = batch.bytes.subarray(batch.header.length);
    const { tags, rests } = parts(cells);
    return joined(batch.header, await sha256(rests), tags);
  }

  async #publish(epochSeconds: number): Promise<void> {
    const last = this.#published.at(-1);
    const epoch = Math.max(Math.floor(seconds() / epochSeconds), last === undefined ? 0 : last.epoch + 1);
    if (last !== undefined && this.#waiting.length === 0 && Math.floor(seconds() / epochSeconds) <= last.epoch) return;
    const cells = joined(...this.#waiting);
    const count = this.#waiting.length;
    this.#waiting = [];
    const { tags, rests } = parts(cells);
    const digest = await sha256(joined(await sha256(tags), await sha256(rests)));
    const header = new Uint8Array(192);
    const view = new DataView(header.buffer);
    header.set(utf8("TSB2"));
    view.setUint32(4, this.#bucket);
    header.set(this.#origin.publicKey, 8);
    view.setBigUint64(40, BigInt(epoch));
    view.setBigUint64(48, BigInt(seconds()));
    if (last !== undefined) header.set(await sha256(last.header), 56);
    header.set(digest, 88);
    view.setUint32(120, count);
    view.setUint32(124, CELL);
    header.set(await this.#origin.sign(header.slice(0, 128)), 128);
    this.#published.push({ epoch, digest: hex(digest), count, bytes: joined(header, cells), header });
  }
}

/** The relay's signing key. */
class Origin {
  readonly publicKey: Uint8Array;
  readonly hex: string;
  readonly #key: CryptoKey;

  private constructor(publicKey: Uint8Array, key: CryptoKey) {
    this.publicKey = publicKey;
    this.hex = hex(publicKey);
    this.#key = key;
  }

  static async generate(): Promise<Origin> {
    try {
      const pair = (await subtle().generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
      return new Origin(new Uint8Array(await subtle().exportKey("raw", pair.publicKey)), pair.privateKey);
    } catch (cause) {
      throw new TesseraError("UNSUPPORTED", "this platform's WebCrypto has no Ed25519", { cause });
    }
  }

  async sign(message: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    return new Uint8Array(await subtle().sign("Ed25519", this.#key, message));
  }
}

/** The tags of all cells, and what follows of each. */
function parts(cells: Uint8Array): { tags: Uint8Array<ArrayBuffer>; rests: Uint8Array<ArrayBuffer> } {
  const count = cells.length / CELL;
  const [tags, rests] = [new Uint8Array(count * TAG), new Uint8Array(count * (CELL - TAG))];
  for (let i = 0; i < count; i++) {
    tags.set(cells.subarray(i * CELL, i * CELL + TAG), i * TAG);
    rests.set(cells.subarray(i * CELL + TAG, (i + 1) * CELL), i * (CELL - TAG));
  }
  return { tags, rests };
}

function requireNetwork(relay: MemoryRelay): void {
  if (relay.offline) throw new TesseraError("RELAY_UNREACHABLE", "the relay is offline");
}

function notFound(): TesseraError {
  return new TesseraError("NOT_FOUND", "the relay holds nothing there");
}

const seconds = (): number => Math.floor(Date.now() / 1000);
const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);

function joined(...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
