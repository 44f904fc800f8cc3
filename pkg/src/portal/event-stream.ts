/** Events of a portal: to its listeners, and one after another for `for await`. */

import type { PortalEvent } from "./events.js";
import type { EventsOptions } from "./types.js";
import { options as known, signal as requireSignal } from "../arguments.js";

/** The streams of one portal. */
export class EventStreams {
  readonly #streams = new Set<EventStream<PortalEvent>>();

  /** Every event from now on, until the signal says so or the portal ends. */
  open(options: EventsOptions): AsyncIterableIterator<PortalEvent> {
    const signal = requireSignal(known(options, "options", ["signal"]).signal, "signal");
    const stream = new EventStream<PortalEvent>((ended) => this.#streams.delete(ended));
    this.#streams.add(stream);
    if (signal?.aborted === true) stream.end();
    signal?.addEventListener("abort", () => stream.end(), { once: true });
    return stream;
  }

  /** Dispatches an event to the portal's listeners and to all streams. */
  dispatch(portal: Pick<EventTarget, "dispatchEvent">, type: string, detail: unknown): void {
    const event = new CustomEvent(type, { detail });
    portal.dispatchEvent(event);
    for (const stream of this.#streams) stream.push(event as PortalEvent);
  }

  end(): void {
    for (const stream of this.#streams) stream.end();
  }
}

/** Keeps what comes until it is asked for. */
class EventStream<E> implements AsyncIterableIterator<E> {
  readonly #events: E[] = [];
  readonly #waiting: ((result: IteratorResult<E, undefined>) => void)[] = [];
  readonly #onEnd: (stream: EventStream<E>) => void;
  #ended = false;

  constructor(onEnd: (stream: EventStream<E>) => void) {
    this.#onEnd = onEnd;
  }

  push(event: E): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#events.push(event);
    else next({ done: false, value: event });
  }

  /** No more events come; those that are kept are still given. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd(this);
    for (const next of this.#waiting.splice(0)) next({ done: true, value: undefined });
  }

  async next(): Promise<IteratorResult<E, undefined>> {
    const event = this.#events.shift();
    if (event !== undefined) return { done: false, value: event };
    if (this.#ended) return { done: true, value: undefined };
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async return(): Promise<IteratorResult<E, undefined>> {
    this.#events.length = 0;
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
