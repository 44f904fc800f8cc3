/** What passes between the engine and the relay. One thing at a time, whether the loop or a `sync` asked for it. */

import type { Mailbox, Post, RelayParameters } from "../portal/engine.js";
import type { EngineHost } from "../portal/engine-host.js";
import type { RelayHealth } from "./health.js";
import { isTesseraError } from "../errors.js";
import { Attempts } from "./attempts.js";
import type { OnNotice } from "./notices.js";
import { nothingPulled, pull, type ConfirmLargeDownload, type Pulled, type PullOptions } from "./pull.js";
import { throwIfAborted, type Relay } from "./client.js";

/** A post that got no answer is repeated as it was for this long; then its cover may have grown stale. */
const REPEAT_MS = 12 * 3_600_000;

/** The relay's clock is believed in steps of whole seconds only, and not if it is out of its mind. */
const SKEW_SECONDS = { least: 2, most: 86_400 };

/** When the next slot is due. */
export interface SlotClock {
  due(): boolean;
  posted(): void;
}

export class RelaySync {
  readonly #host: EngineHost;
  readonly #relay: Relay;
  readonly #health: RelayHealth;
  readonly #confirmLargeDownload: ConfirmLargeDownload | undefined;
  #attempts = new Attempts();
  #last: Promise<unknown> = Promise.resolve();
  #unanswered: { readonly post: Post; readonly since: number } | undefined;
  #skewSeconds = 0;

  constructor(host: EngineHost, relay: Relay, health: RelayHealth, confirmLargeDownload?: ConfirmLargeDownload) {
    this.#host = host;
    this.#relay = relay;
    this.#health = health;
    this.#confirmLargeDownload = confirmLargeDownload;
  }

  /** Whether the relay can say when it has published. */
  get hasNotices(): boolean {
    return this.#relay.hasNotices;
  }

  /** Listens to the relay's notices until their stream ends. */
  async notices(onNotice: OnNotice, silenceMs: number, signal: AbortSignal): Promise<void> {
    const bucket = await this.#host.read((engine) => engine.bucket());
    await this.#relay.notices(bucket, onNotice, { signal, silenceMs });
  }

  /** Seconds that the relay's clock is ahead of this one. A hint for scheduling; no check rests on it. */
  get skewSeconds(): number {
    return this.#skewSeconds;
  }

  /** Reads what the relay says of itself. */
  configure(signal?: AbortSignal): Promise<RelayParameters> {
    return this.#inTurn(() => this.#configure(signal));
  }

  /** The relay's parameters as last read; asks for them only if they were never read. */
  async parameters(signal?: AbortSignal): Promise<RelayParameters> {
    try {
      return await this.#host.read((engine) => engine.info());
    } catch (error) {
      if (isTesseraError(error) && error.code === "RELAY_UNREACHABLE") return this.configure(signal);
      throw error;
    }
  }

  /** A restored device reads its mailbox before it sends. */
  async ready(): Promise<void> {
    await this.parameters();
    if (!(await this.#host.read((engine) => engine.device())).ready) await this.pull(["own"], {});
  }

  /** What the relay may have although it has not answered. */
  get inFlight(): string[] {
    return this.#unanswered?.post.tokens ?? [];
  }

  /** The engine went back to what is stored: it would take the tokens for other cells. */
  forgetPost(): void {
    this.#unanswered = undefined;
  }

  /** Ends what is under way: the engine it was for is gone. Resolves when nothing of it runs any more. */
  async abandon(): Promise<void> {
    this.#relay.abandon();
    await this.#last;
    // What its tokens mean, only that engine knew.
    this.#unanswered = undefined;
    this.#attempts = new Attempts(); // what was ended here says nothing about the relay
  }

  /** Expiries, rotation, sealing again what was not acknowledged. */
  tick(): Promise<void> {
    return this.#host.tick();
  }

  /** Reads mailboxes; a slot that becomes due meanwhile is posted between two batches. */
  pull(mailboxes: readonly Mailbox[], options: PullOptions, slot?: SlotClock): Promise<Pulled> {
    const betweenBatches = async (): Promise<void> => {
      if (slot?.due() !== true) return;
      await this.#postSlot(options.signal);
      slot.posted();
    };
    return this.#inTurn(async () => {
      const pulled = nothingPulled();
      await this.#pull(mailboxes, pulled, { ...options, betweenBatches });
      return pulled;
    });
  }

  /** Posts one slot, with the same cells for every bucket, and what waits for the lobby. */
  postSlot(signal?: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#postSlot(signal));
  }

  /** Posts what waits for the lobby. */
  postToLobby(signal?: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#postToLobby(signal));
  }

  /** One round: rotate, read both mailboxes, post one slot or, in additional slots, the whole queue. */
  round(flush: boolean, options: PullOptions): Promise<Pulled> {
    return this.#inTurn(async () => {
      const pulled = nothingPulled();
      await this.tick();
      await this.#configure(options.signal);
      await this.#pull(["own", "lobby"], pulled, options);
      await (flush ? this.#flush(options.signal) : this.#postSlot(options.signal));
      return pulled;
    });
  }

  /** Once its own mailbox is read, a restored device has heard of the others. */
  async #pull(mailboxes: readonly Mailbox[], pulled: Pulled, options: PullOptions): Promise<void> {
    const { epochSeconds } = await this.#host.read((engine) => engine.info());
    const onIndex = (mailbox: Mailbox, batches: number): void => {
      if (mailbox === "own") this.#health.looked(batches, epochSeconds);
    };
    await pull(this.#host, this.#relay, mailboxes, this.#confirmLargeDownload, pulled, {
      ...options,
      attempts: this.#attempts,
      onIndex,
    });
    if (!mailboxes.includes("own")) return;
    try {
      await this.#host.apply((engine, now) => engine.settle(now));
    } catch (error) {
      if (!isTesseraError(error) || error.code !== "CLOCK_BEHIND") throw error;
      this.#host.show({ type: "rejected", code: error.code, count: 1 }); // tried again at the next pull
    }
  }

  async #configure(signal?: AbortSignal): Promise<RelayParameters> {
    const path = await this.#host.read((engine) => engine.relayPath("info"));
    const json = await this.#relay.getText(path, signal);
    await this.#host.apply((engine, now) => engine.configure(json, now));
    const skew = skewOf(json);
    this.#health.skew(skew);
    this.#skewSeconds = believable(skew) ? skew : 0;
    return this.#host.read((engine) => engine.info());
  }

  async #postSlot(signal?: AbortSignal): Promise<void> {
    if (!(await this.#repeatUnanswered(signal))) {
      await this.#host.sealAhead();
      const post = await this.#host.read((engine, now) => this.#leaves(engine.nextSlot(now)));
      await this.#postUntilRefused(post, signal);
    }
    await this.#postToLobby(signal);
  }

  /** Without cover, so the same cells can be posted again if no answer comes. */
  async #postToLobby(signal?: AbortSignal): Promise<void> {
    const post = await this.#host.read((engine, now) => engine.nextLobbyPost(now));
    if (post !== undefined) await this.#send(post, signal);
  }

  async #flush(signal?: AbortSignal): Promise<void> {
    await this.#repeatUnanswered(signal);
    for (;;) {
      throwIfAborted(signal);
      await this.#host.sealAhead();
      const post = await this.#host.read((engine, now) => {
        const next = engine.nextFlush(now);
        return next === undefined ? undefined : this.#leaves(next);
      });
      if (post === undefined) break;
      await this.#postUntilRefused(post, signal);
    }
  }

  /**
   * A slot without an answer may have arrived: it is repeated as it was. The same cells among fresh cover would show the relay
   * which of them are real.
   */
  async #repeatUnanswered(signal?: AbortSignal): Promise<boolean> {
    const waiting = this.#unanswered;
    if (waiting === undefined || Date.now() - waiting.since > REPEAT_MS) return false;
    if (!(await this.#host.read((engine) => engine.mayPost(waiting.post.tokens)))) {
      this.#unanswered = undefined;
      return false;
    }
    await this.#postUntilRefused(waiting.post, signal);
    return true;
  }

  /** Runs within the engine's turn, so that a message cancelled next is known to be in flight. */
  #leaves(post: Post): Post {
    this.#unanswered = { post, since: Date.now() };
    return post;
  }

  async #postUntilRefused(post: Post, signal?: AbortSignal): Promise<void> {
    try {
      await this.#send(post, signal);
    } catch (error) {
      // A refusal is final: the same bytes would be refused again.
      if (isTesseraError(error) && !error.retryable) this.#unanswered = undefined;
      throw error;
    }
    this.#unanswered = undefined;
  }

  async #send(post: Post, signal?: AbortSignal): Promise<void> {
    const path = await this.#host.read((engine) => engine.relayPath("cells"));
    await this.#relay.post(path, post.body, signal);
    await this.#host.apply((engine, now) => engine.posted(post.tokens, now));
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task).catch((error: unknown) => {
      this.#host.throwIfLocked(); // rather than that it was abandoned
      throw error;
    });
    this.#last = turn.catch(() => {});
    return turn;
  }
}

/** The engine has checked the document; only its clock is read here. */
function skewOf(json: string): number {
  const { time } = JSON.parse(json) as { time: number };
  return time - Date.now() / 1000;
}

function believable(skew: number): boolean {
  return Math.abs(skew) >= SKEW_SECONDS.least && Math.abs(skew) <= SKEW_SECONDS.most;
}
