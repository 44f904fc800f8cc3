/** What anyone on the network can read of a message service: how many cells it published, and when. */

export interface ServiceInfo {
  readonly protocol: number;
  readonly buckets: number;
  readonly cell_size: number;
  readonly epoch_seconds: number;
  readonly retention_seconds: number;
  readonly max_attachment_bytes: number;
  readonly slot: { readonly per_bucket: number };
  readonly lobby: { readonly epoch_seconds: number };
  readonly cover?: {
    readonly mechanism: string;
    readonly epsilon?: number | null;
    readonly delta?: number | null;
    readonly sensitivity?: number | null;
    readonly mean?: number | null;
  };
}

export interface Batch {
  /** When it was closed, in Unix seconds. */
  readonly time: number;
  readonly cells: number;
}

export interface Observed {
  readonly info: ServiceInfo;
  readonly batches: readonly Batch[];
}

/** Reads the public lists of all buckets, with no key and no account. */
export async function observe(service: string, signal: AbortSignal): Promise<Observed> {
  const base = service.endsWith("/") ? service : `${service}/`;
  const read = async <T>(path: string): Promise<T> => {
    const response = await fetch(new URL(path, base), { cache: "no-cache", credentials: "omit", signal });
    if (!response.ok) throw new Error(`the message service answered ${response.status}`);
    return (await response.json()) as T;
  };
  const info = await read<ServiceInfo>("v1/info");
  const batches: Batch[] = [];
  for (let bucket = 0; bucket < info.buckets; bucket += 1) {
    const index = await read<{ batches: readonly { epoch: number; count: number }[] }>(`v1/buckets/${bucket}/index`);
    for (const { epoch, count } of index.batches) batches.push({ time: epoch * info.epoch_seconds, cells: count });
  }
  return { info, batches };
}

/** Equal parts of the last 24 hours, or of the shorter time that there is something to see of. */
export interface Timeline {
  readonly begin: number;
  readonly slotSeconds: number;
}

export const SLOTS = 24;
const DAY = 86_400;

export function timeline(times: readonly number[], now: number, epochSeconds: number): Timeline {
  const oldest = times.reduce((least, time) => Math.min(least, time), now);
  const span = Math.min(DAY, Math.max(now - oldest, SLOTS * epochSeconds));
  return { begin: now - span, slotSeconds: span / SLOTS };
}

/** The sum of the values in each slot. */
export function sums(
  values: readonly (readonly [time: number, value: number])[],
  { begin, slotSeconds }: Timeline,
): number[] {
  const slots = Array.from({ length: SLOTS }, () => 0);
  for (const [time, value] of values) {
    const slot = Math.min(SLOTS - 1, Math.floor((time - begin) / slotSeconds));
    if (slot >= 0) slots[slot] = (slots[slot] ?? 0) + value;
  }
  return slots;
}

/**
 * How sure a reader can become, in percent, who held it equally likely that a cell was there and was not: ε bounds the odds
 * by e^ε both ways, but for a chance of δ.
 */
export function beliefBounds(epsilon: number): readonly [least: number, most: number] {
  const most = 100 / (1 + Math.exp(-epsilon));
  return [100 - most, most];
}
