/**
 * Reads a relay over plain public HTTP, with no key and no account, as anyone could. It keeps all there is to see:
 * which bucket, which epoch, how many cells, and bytes.
 */

export interface RelayInfo {
  readonly buckets: number;
  readonly cell_size: number;
  readonly epoch_seconds: number;
  readonly lobby: { readonly epoch_seconds: number };
  readonly cover?: { readonly mechanism?: string };
}

export interface SeenBatch {
  readonly bucket: number | "lobby";
  readonly origin: string;
  readonly epoch: number;
  readonly count: number;
  /** The first bytes of each cell, in hex. */
  readonly heads: readonly string[];
}

interface IndexEntry {
  readonly origin: string;
  readonly epoch: number;
  readonly count: number;
}

/** Relay document: a batch is a 192-byte header, then its cells. */
const HEADER_LEN = 192;
/** Bytes shown of each cell. */
const HEAD_LEN = 6;
/** How many batches stay on screen. */
const KEPT = 48;

export class Eavesdropper {
  info: RelayInfo | null = null;
  reachable: boolean | null = null;
  batches: SeenBatch[] = [];
  batchesSeen = 0;
  cellsSeen = 0;
  readonly #known = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly relay: URL,
    private readonly changed: () => void,
  ) {}

  start(): void {
    void this.#round();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #round(): Promise<void> {
    try {
      this.info ??= await this.#json<RelayInfo>("v1/info");
      const buckets: SeenBatch["bucket"][] = [...Array(this.info.buckets).keys(), "lobby"];
      for (const bucket of buckets) await this.#look(bucket, this.info.cell_size);
      this.reachable = true;
    } catch {
      this.reachable = false;
    }
    this.changed();
    const seconds = Math.min(this.info?.epoch_seconds ?? 2, this.info?.lobby.epoch_seconds ?? 2, 30);
    this.#timer = setTimeout(() => void this.#round(), seconds * 1000);
  }

  async #look(bucket: SeenBatch["bucket"], cellSize: number): Promise<void> {
    const index = await this.#json<{ batches: IndexEntry[] }>(`v1/buckets/${bucket}/index`);
    const fresh = index.batches.filter((entry) => !this.#known.has(`${bucket} ${entry.origin} ${entry.epoch}`));
    for (const entry of fresh) {
      const response = await fetch(new URL(`v1/buckets/${bucket}/batches/${entry.origin}/${entry.epoch}`, this.relay));
      if (!response.ok) continue;
      const heads = headsOf(new Uint8Array(await response.arrayBuffer()), cellSize);
      this.#known.add(`${bucket} ${entry.origin} ${entry.epoch}`);
      this.batchesSeen += 1;
      this.cellsSeen += heads.length;
      this.batches = [
        { bucket, origin: entry.origin, epoch: entry.epoch, count: entry.count, heads },
        ...this.batches,
      ].slice(0, KEPT);
    }
  }

  async #json<T>(path: string): Promise<T> {
    const response = await fetch(new URL(path, this.relay), { cache: "no-cache" });
    if (!response.ok) throw new Error(`the relay answered ${response.status}`);
    return (await response.json()) as T;
  }
}

function headsOf(batch: Uint8Array, cellSize: number): string[] {
  const heads: string[] = [];
  for (let at = HEADER_LEN; at + cellSize <= batch.length; at += cellSize)
    heads.push(hex(batch.subarray(at, at + HEAD_LEN)));
  return heads;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
