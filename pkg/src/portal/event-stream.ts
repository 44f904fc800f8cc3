/** Events one after another, for `for await`. */

/** Keeps what comes until it is asked for. */
export class EventStream<E> implements AsyncIterableIterator<E> {
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
