/** Pulling mailboxes: always whole batches or segments, always all of them, each committed before the next. */

import type { BareMessage, Mailbox, Planned } from "../portal/engine.js";
import type { EngineHost } from "../portal/engine-host.js";
import { isTesseraError } from "../errors.js";
import type { Attempts } from "./attempts.js";
import { throwIfAborted, type Relay } from "./client.js";
import type { Gap, PullProgress, Rejected } from "../portal/types.js";

/** What is asked for ahead of what is being read: so many things, of so many bytes in all (but always one). */
const AHEAD = { items: 4, bytes: 24 * 2 ** 20 };
/** So much is held before any of it is opened. */
const HELD_BYTES = 64 * 2 ** 20;
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
  /** Runs after each batch: what is due by the clock does not wait until all is opened. */
  readonly betweenBatches?: (() => Promise<void>) | undefined;
  /** Called with what the index of a mailbox named as new: so many batches, or segments of many. */
  readonly onIndex?: ((mailbox: Mailbox, batches: number) => void) | undefined;
}

interface CountedPullOptions extends PullOptions {
  readonly attempts: Attempts;
}

/** Asks the host whether so many bytes may be pulled; not asked where nobody saves data. */
export type ConfirmLargeDownload = (bytes: number) => boolean | Promise<boolean>;

/** One mailbox's share of a pull: what is asked for, and the answers that wait to be opened. */
interface Download {
  readonly mailbox: Mailbox;
  readonly plan: readonly Planned[];
  readonly expected: number;
  readonly answers: PromiseSettledResult<Uint8Array>[];
  opened: number;
  bytes: number;
}

/**
 * Adds to `pulled` what the mailboxes hold. What was committed stays so if a later batch fails.
 *
 * Everything is asked for before anything is opened: opening takes longer where there was mail, and the time between requests
 * would show that. Beyond `HELD_BYTES`, which a day does not reach, this happens in parts.
 */
export async function pull(
  host: EngineHost,
  relay: Relay,
  mailboxes: readonly Mailbox[],
  confirmLargeDownload: ConfirmLargeDownload | undefined,
  pulled: Pulled,
  options: CountedPullOptions,
): Promise<void> {
  const { attempts, signal } = options;
  const downloads: Download[] = [];
  for (const mailbox of mailboxes) {
    const index = await relay.getText(await host.read((engine) => engine.indexPath(mailbox)), signal);
    const planned = await host.apply((engine, now) => engine.planPull(mailbox, index, now));
    options.onIndex?.(mailbox, planned.length);
    // One that fails again and again must not keep what follows it from being read. The gap it leaves is reported then.
    const plan = planned.filter(({ path }) => attempts.allowed(path));
    if (plan.length < planned.length) pulled.incomplete = true;
    const expected = plan.reduce((sum, planned) => sum + planned.bytes, 0);
    const isLarge = savesData() && expected > LARGE_PULL_BYTES;
    if (isLarge && confirmLargeDownload !== undefined && !(await confirmLargeDownload(expected))) {
      pulled.incomplete = true;
      continue;
    }
    downloads.push({ mailbox, plan, expected, answers: [], opened: 0, bytes: 0 });
  }
  let held = 0;
  for (const download of downloads) {
    for await (const [planned, answer] of inOrder(download.plan, ({ path }) => relay.get(path, signal))) {
      throwIfAborted(signal);
      download.answers.push(answer);
      held += planned.bytes;
      const failed = answer.status === "rejected" && !isMissing(answer.reason);
      // The index was just read: it may be this download that never arrives.
      if (failed) attempts.failed(planned.path);
      // A failure of the relay ends the pull, once what came before it is opened.
      if (held >= HELD_BYTES || failed) {
        await openAll(host, downloads, pulled, options);
        held = 0;
      }
    }
  }
  await openAll(host, downloads, pulled, options);
}

async function openAll(
  host: EngineHost,
  downloads: readonly Download[],
  pulled: Pulled,
  { attempts, signal, onProgress, betweenBatches }: CountedPullOptions,
): Promise<void> {
  for (const download of downloads) {
    const { mailbox, plan, expected, answers } = download;
    for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) {
      throwIfAborted(signal);
      const { path } = plan[download.opened] as Planned;
      if (answer.status === "fulfilled") {
        download.bytes += answer.value.length;
        pulled.bytes += answer.value.length;
        if (await take(host, path, answer.value, pulled)) attempts.succeeded(path);
        else attempts.failed(path);
      } else {
        missing(answer.reason, pulled);
      }
      download.opened += 1;
      onProgress?.({
        kind: "pull",
        mailbox,
        batches: download.opened,
        totalBatches: plan.length,
        bytes: download.bytes,
        totalBytes: expected,
      });
      await betweenBatches?.();
    }
  }
}

/** Whether the bytes were what the relay signed. */
async function take(host: EngineHost, path: string, bytes: Uint8Array, pulled: Pulled): Promise<boolean> {
  try {
    const received = await host.apply((engine, now) => engine.receive(path, bytes, now));
    pulled.messages.push(...received.messages);
    pulled.rejected.push(...received.rejected);
    pulled.gaps.push(...received.gaps);
    pulled.cells += received.cells;
    return true;
  } catch (error) {
    if (!isTesseraError(error) || error.code !== "BATCH_INVALID") throw error;
    // Not the relay's signed word: told, and asked for again at the next pull.
    const rejected: Rejected = { code: error.code, count: 1 };
    host.show({ type: "rejected", ...rejected });
    pulled.rejected.push(rejected);
    pulled.incomplete = true;
    return false;
  }
}

/**
 * The relay listed a batch that it does not have. The break in its chain is told when the next batch is read; until then it is
 * asked for again. Any other failure ends the pull.
 */
function missing(reason: unknown, pulled: Pulled): void {
  if (!isMissing(reason)) throw reason;
  pulled.incomplete = true;
}

function isMissing(reason: unknown): boolean {
  return isTesseraError(reason) && (reason.code === "NOT_FOUND" || reason.code === "RETENTION_PASSED");
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
