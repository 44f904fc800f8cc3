/** Pulling one mailbox: always whole batches or segments, always all of them, each committed before the next. */

import type { BareMessage, EngineHost, Mailbox } from "../portal/engine.js";
import { isTesseraError } from "../errors.js";
import { throwIfAborted, type Relay } from "./client.js";
import type { Gap, PullProgress, Rejected } from "../portal/types.js";

/** What is asked for ahead of what is being read: so many things, of so many bytes in all (but always one). */
const AHEAD = { items: 4, bytes: 24 * 2 ** 20 };
/** A pull of more is asked about where the browser says that its user saves data. */
const LARGE_PULL_BYTES = 5 * 2 ** 20;

export interface Pulled {
  readonly messages: BareMessage[];
  readonly rejected: Rejected[];
  readonly gaps: Gap[];
  cells: number;
  bytes: number;
  /** Whether a batch could not be taken. */
  incomplete: boolean;
}

export function nothingPulled(): Pulled {
  return { messages: [], rejected: [], gaps: [], cells: 0, bytes: 0, incomplete: false };
}

export interface PullOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
}

/** Asks the host whether so many bytes may be pulled; not asked where nobody saves data. */
export type ConfirmLargeDownload = (bytes: number) => boolean | Promise<boolean>;

/** Adds to `pulled` what the mailbox holds. What was committed stays so if a later batch fails. */
export async function pull(
  host: EngineHost,
  relay: Relay,
  mailbox: Mailbox,
  confirmLargeDownload: ConfirmLargeDownload | undefined,
  pulled: Pulled,
  options: PullOptions,
): Promise<void> {
  const { signal, onProgress } = options;
  const index = await relay.getText(await host.read((engine) => engine.indexPath(mailbox)), signal);
  const plan = await host.apply((engine, now) => engine.planPull(mailbox, index, now));
  const expected = plan.reduce((sum, planned) => sum + planned.bytes, 0);
  if (
    confirmLargeDownload !== undefined &&
    savesData() &&
    expected > LARGE_PULL_BYTES &&
    !(await confirmLargeDownload(expected))
  ) {
    pulled.incomplete = true;
    return;
  }
  let batches = 0;
  let bytes = 0;
  for await (const [{ path }, answer] of inOrder(plan, ({ path }) => relay.get(path, signal))) {
    throwIfAborted(signal);
    if (answer.status === "fulfilled") {
      bytes += answer.value.length;
      pulled.bytes += answer.value.length;
      await take(host, path, answer.value, pulled);
    } else {
      missing(answer.reason, pulled);
    }
    batches += 1;
    onProgress?.({ kind: "pull", mailbox, batches, totalBatches: plan.length, bytes, totalBytes: expected });
  }
}

async function take(host: EngineHost, path: string, bytes: Uint8Array, pulled: Pulled): Promise<void> {
  try {
    const received = await host.apply((engine, now) => engine.receive(path, bytes, now));
    pulled.messages.push(...received.messages);
    pulled.rejected.push(...received.rejected);
    pulled.gaps.push(...received.gaps);
    pulled.cells += received.cells;
  } catch (error) {
    if (!isTesseraError(error) || error.code !== "BATCH_INVALID") throw error;
    // Not the relay's signed word: told, and asked for again at the next pull.
    const rejected: Rejected = { code: error.code };
    host.show({ type: "rejected", ...rejected });
    pulled.rejected.push(rejected);
    pulled.incomplete = true;
  }
}

/**
 * The relay listed a batch that it does not have. The break in its chain is told when the next batch is read; until then it is
 * asked for again. Any other failure ends the pull.
 */
function missing(reason: unknown, pulled: Pulled): void {
  if (!isTesseraError(reason) || (reason.code !== "NOT_FOUND" && reason.code !== "RETENTION_PASSED")) throw reason;
  pulled.incomplete = true;
}

/** The user asked the browser to use little data. */
function savesData(): boolean {
  const { connection } = (globalThis.navigator ?? {}) as { connection?: { saveData?: boolean } };
  return connection?.saveData === true;
}

/** Runs a few requests ahead of the reader and gives the answers in the order of the items. */
async function* inOrder<T extends { readonly bytes: number }, U>(
  items: readonly T[],
  request: (item: T) => Promise<U>,
): AsyncGenerator<[T, PromiseSettledResult<U>]> {
  const answers: Promise<PromiseSettledResult<U>>[] = [];
  let ahead = 0;
  for (const [at, item] of items.entries()) {
    for (let next = items[answers.length]; next !== undefined; next = items[answers.length]) {
      const enough = answers.length - at >= AHEAD.items || ahead + next.bytes > AHEAD.bytes;
      if (enough && answers.length > at) break;
      ahead += next.bytes;
      answers.push(Promise.allSettled([request(next)]).then(([settled]) => settled));
    }
    yield [item, (await answers[at]) as PromiseSettledResult<U>];
    ahead -= item.bytes;
    answers[at] = undefined as never; // read: let it go
  }
}
