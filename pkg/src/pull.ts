/** Pulling one mailbox: always whole batches, always all of them, each committed before the next. */

import type { BareMessage, EngineHost, Mailbox } from "./engine.js";
import { isTesseraError } from "./errors.js";
import { throwIfAborted, type Relay } from "./relay.js";
import type { Gap, PullProgress, Rejected } from "./types.js";

/** Batches asked for ahead of the one being read. */
const AHEAD = 4;

export interface Pulled {
  readonly messages: BareMessage[];
  readonly rejected: Rejected[];
  readonly gaps: Gap[];
  cells: number;
  bytes: number;
  /** Whether a batch could not be taken. */
  more: boolean;
}

export function nothingPulled(): Pulled {
  return { messages: [], rejected: [], gaps: [], cells: 0, bytes: 0, more: false };
}

export interface PullOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
}

/** Adds to `pulled` what the mailbox holds. What was committed stays so if a later batch fails. */
export async function pull(host: EngineHost, relay: Relay, mailbox: Mailbox, pulled: Pulled, options: PullOptions): Promise<void> {
  const { signal, onProgress } = options;
  const index = await relay.getText(await host.read((engine) => engine.indexPath(mailbox)), signal);
  const plan = await host.apply((engine) => engine.planPull(mailbox, index));
  let batches = 0;
  let bytes = 0;
  for await (const answer of inOrder(plan, ({ path }) => relay.get(path, signal))) {
    throwIfAborted(signal);
    if (answer.status === "fulfilled") {
      bytes += answer.value.length;
      pulled.bytes += answer.value.length;
      await take(host, mailbox, answer.value, pulled);
    } else {
      missing(answer.reason, pulled);
    }
    batches += 1;
    onProgress?.({ kind: "pull", mailbox, batches, of: plan.length, bytes });
  }
}

async function take(host: EngineHost, mailbox: Mailbox, bytes: Uint8Array, pulled: Pulled): Promise<void> {
  try {
    const received = await host.apply((engine, now) => engine.receiveBatch(mailbox, bytes, now));
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
    pulled.more = true;
  }
}

/**
 * The relay listed a batch that it does not have. The break in its chain is told when the next batch is read; until then it is
 * asked for again. Any other failure ends the pull.
 */
function missing(reason: unknown, pulled: Pulled): void {
  if (!isTesseraError(reason) || (reason.code !== "NOT_FOUND" && reason.code !== "RETENTION_PASSED")) throw reason;
  pulled.more = true;
}

/** Runs a few requests ahead of the reader and gives the answers in the order of the items. */
async function* inOrder<T, U>(items: readonly T[], request: (item: T) => Promise<U>): AsyncGenerator<PromiseSettledResult<U>> {
  const answers: Promise<PromiseSettledResult<U>>[] = [];
  for (let next = 0; next < items.length; next++) {
    while (answers.length < Math.min(items.length, next + AHEAD)) {
      answers.push(Promise.allSettled([request(items[answers.length] as T)]).then(([settled]) => settled));
    }
    yield (await answers[next]) as PromiseSettledResult<U>;
    answers[next] = undefined as never; // read: let it go
  }
}
