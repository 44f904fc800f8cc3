/** What passes between the engine and the relay. One thing at a time, whether the loop or a `sync` asked for it. */

import type { EngineHost, Mailbox, Post, RelayParameters } from "../portal/engine.js";
import { isTesseraError } from "../errors.js";
import type { OnNotice } from "./notices.js";
import { nothingPulled, pull, type ConfirmLargeDownload, type Pulled, type PullOptions } from "./pull.js";
import { throwIfAborted, type Relay } from "./client.js";

/** A post that got no answer is repeated as it was for this long; then its cover may have grown stale. */
const REPEAT_MS = 12 * 3_600_000;

/** The relay's clock is believed in steps of whole seconds only, and not if it is out of its mind. */
const SKEW_SECONDS = { least: 2, most: 86_400 };

export class RelaySync {
  readonly #host: EngineHost;
  readonly #relay: Relay;
  readonly #confirmLargeDownload: ConfirmLargeDownload | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #unanswered: { readonly post: Post; readonly since: number } | undefined;
  #skewSeconds = 0;

  constructor(host: EngineHost, relay: Relay, confirmLargeDownload?: ConfirmLargeDownload) {
    this.#host = host;
    this.#relay = relay;
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
    if (!(await this.#host.read((engine) => engine.device())).ready) await this.pull("own", {});
  }

  /** Ends what is under way: the engine it was for is gone. Resolves when nothing of it runs any more. */
  async abandon(): Promise<void> {
    this.#relay.abandon();
    await this.#last;
    // What its tokens mean, only that engine knew.
    this.#unanswered = undefined;
  }

  /** Expiries, rotation, sealing again what was not acknowledged. */
  tick(): Promise<void> {
    return this.#host.tick();
  }

  pull(mailbox: Mailbox, options: PullOptions): Promise<Pulled> {
    return this.#inTurn(async () => {
      const pulled = nothingPulled();
      await this.#pull(mailbox, pulled, options);
      return pulled;
    });
  }

  /** Posts one slot: queued cells first, cover for the rest. */
  postSlot(signal?: AbortSignal): Promise<void> {
    return this.#inTurn(() => this.#postSlot(signal));
  }

  /** One round: rotate, read both mailboxes, post one slot or the whole queue. */
  round(flush: boolean, options: PullOptions): Promise<Pulled> {
    return this.#inTurn(async () => {
      const pulled = nothingPulled();
      await this.tick();
      await this.#configure(options.signal);
      await this.#pull("own", pulled, options);
      await this.#pull("lobby", pulled, options);
      await (flush ? this.#flush(options.signal) : this.#postSlot(options.signal));
      return pulled;
    });
  }

  /** Once its own mailbox is read, a restored device has heard of the others. */
  async #pull(mailbox: Mailbox, pulled: Pulled, options: PullOptions): Promise<void> {
    await pull(this.#host, this.#relay, mailbox, this.#confirmLargeDownload, pulled, options);
    if (mailbox === "lobby") return;
    try {
      await this.#host.apply((engine, now) => engine.settle(now));
    } catch (error) {
      if (!isTesseraError(error) || error.code !== "CLOCK_BEHIND") throw error;
      this.#host.show({ type: "rejected", code: error.code }); // tried again at the next pull
    }
  }

  async #configure(signal?: AbortSignal): Promise<RelayParameters> {
    const path = await this.#host.read((engine) => engine.relayPath("info"));
    const json = await this.#relay.getText(path, signal);
    await this.#host.apply((engine, now) => engine.configure(json, now));
    this.#skewSeconds = skewOf(json);
    return this.#host.read((engine) => engine.info());
  }

  /**
   * A post without an answer may have arrived: it is repeated as it was. The same cells among fresh cover would show
   * the relay which of them are real.
   */
  async #postSlot(signal?: AbortSignal): Promise<void> {
    const waiting = this.#unanswered;
    const fresh = waiting === undefined || Date.now() - waiting.since > REPEAT_MS;
    if (fresh) await this.#host.sealAhead();
    const post = fresh ? await this.#host.read((engine, now) => engine.nextSlot(now)) : waiting.post;
    if (fresh) this.#unanswered = { post, since: Date.now() };
    try {
      await this.#send(post, signal);
    } catch (error) {
      // A refusal is final: the same bytes would be refused again.
      if (isTesseraError(error) && !error.retryable) this.#unanswered = undefined;
      throw error;
    }
    this.#unanswered = undefined;
  }

  async #flush(signal?: AbortSignal): Promise<void> {
    for (;;) {
      throwIfAborted(signal);
      await this.#host.sealAhead();
      const post = await this.#host.read((engine, now) => engine.nextFlush(now));
      if (post === undefined) break;
      await this.#send(post, signal);
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
  const skew = time - Date.now() / 1000;
  return Math.abs(skew) < SKEW_SECONDS.least || Math.abs(skew) > SKEW_SECONDS.most ? 0 : skew;
}
