/** Requests between this app and the window of the EHR that launched it. */

import { object, signal as checkedSignal, text } from "../arguments.js";
import { TesseraError, invalid } from "../errors.js";
import type { Resource } from "../fhir/record/resource.js";

/** The two parameters of a SMART launch that the token response holds if the EHR takes web messages. */
export interface LaunchContext {
  readonly smart_web_messaging_handle?: unknown;
  readonly smart_web_messaging_origin?: unknown;
}

/** What the EHR answered. `detail` and `location` are the EHR's words: put them on a page as text, never as markup. */
export interface EhrAnswer {
  readonly accepted: boolean;
  /** Where the EHR put what was created: `Communication/123`. */
  readonly location: string | null;
  readonly detail: string | null;
}

export interface RequestOptions {
  /** Ends the wait for an answer, which an EHR without web messaging never gives. */
  readonly signal?: AbortSignal;
}

type MessageType = "status.handshake" | "scratchpad.create" | "ui.done" | "ui.launchActivity";
type Json = Readonly<Record<string, unknown>>;

interface Pending {
  readonly type: MessageType;
  resolve(answer: EhrAnswer): void;
  reject(error: TesseraError): void;
}

/** Requests of the EHR whose ids are remembered, so that one that is sent again gets no second answer. */
const REMEMBERED = 100;
const LOCATION = /^[A-Za-z]{1,64}\/[A-Za-z0-9.-]{1,64}$/;

/**
 * Connects to the EHR's window. `null` if the launch gave no handle and origin, or if this page is neither in a frame nor opened by
 * another window: then there is no web messaging, and nothing may be sent.
 */
export function connectEhr(launch: LaunchContext): EhrChannel | null {
  const { smart_web_messaging_handle: handle, smart_web_messaging_origin: origin } = object(launch, "launch");
  if (handle === undefined || origin === undefined) return null;
  const target: Window | null = window.parent === window ? window.opener : window.parent;
  if (target === null) return null;
  return new EhrChannel(target, text(handle, "launch.smart_web_messaging_handle"), exactOrigin(origin));
}

export class EhrChannel {
  readonly #target: Window;
  readonly #handle: string;
  readonly #origin: string;
  readonly #pending = new Map<string, Pending>();
  readonly #answered = new Set<string>();
  /** A click allows one message: a later body needs another click. */
  readonly #spent = new WeakSet<Event>();
  #isClosed = false;

  /** Use {@link connectEhr}. @internal */
  constructor(target: Window, handle: string, origin: string) {
    this.#target = target;
    this.#handle = handle;
    this.#origin = origin;
    window.addEventListener("message", this.#receive);
  }

  /** Whether the EHR answers web messages. */
  handshake(options?: RequestOptions): Promise<EhrAnswer> {
    return this.#request("status.handshake", {}, options);
  }

  /**
   * Puts a prepared Communication, with the words of a message, on the EHR's scratchpad, where a person files or discards it.
   * `click` is the person's click (or submit, or key) on what says so: a body leaves this page only with one, once.
   */
  async prepare(communication: Resource, click: Event, options?: RequestOptions): Promise<EhrAnswer> {
    const { resourceType, status } = object(communication, "communication");
    if (resourceType !== "Communication" || status !== "preparation")
      throw invalid("communication is not a Communication in preparation");
    if (!(click instanceof Event) || !click.isTrusted || !["click", "submit", "keydown"].includes(click.type))
      throw invalid("click is not the event of a person's click");
    if (this.#spent.has(click)) throw invalid("click was used for another message");
    this.#spent.add(click);
    return this.#request("scratchpad.create", { resource: communication }, options);
  }

  /** Asks the EHR to close this app. */
  done(options?: RequestOptions): Promise<EhrAnswer> {
    return this.#request("ui.done", {}, options);
  }

  /** Asks the EHR to show an activity of its own beside this app; the parameters are references, never content. */
  async launchActivity(activityType: string, activityParameters: Json, options?: RequestOptions): Promise<EhrAnswer> {
    text(activityType, "activityType");
    object(activityParameters, "activityParameters");
    return this.#request("ui.launchActivity", { activityType, activityParameters }, options);
  }

  /** Stops listening. What waits for an answer is rejected with `DISPOSED`. */
  close(): void {
    this.#isClosed = true;
    window.removeEventListener("message", this.#receive);
    for (const { reject } of this.#pending.values()) reject(closed());
    this.#pending.clear();
  }

  async #request(messageType: MessageType, payload: Json, options: RequestOptions = {}): Promise<EhrAnswer> {
    const signal = checkedSignal(options.signal, "options.signal");
    if (this.#isClosed) throw closed();
    if (signal?.aborted) throw aborted(signal);
    const messageId = crypto.randomUUID();
    let stop = (): void => {};
    const answer = new Promise<EhrAnswer>((resolve, reject) => {
      this.#pending.set(messageId, { type: messageType, resolve, reject });
      stop = () => reject(aborted(signal));
    });
    signal?.addEventListener("abort", stop);
    try {
      this.#post({ messagingHandle: this.#handle, messageId, messageType, payload });
      return await answer;
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#pending.delete(messageId);
    }
  }

  #post(message: Json): void {
    try {
      this.#target.postMessage(message, this.#origin);
    } catch (cause) {
      throw new TesseraError("INVALID_ARGUMENT", "the message holds something that is not data", { cause });
    }
  }

  /** Both the sender's window and its origin have to be the EHR's: a frame beside it, or another page in its place, is ignored. */
  #receive = ({ origin, source, data }: MessageEvent): void => {
    if (origin !== this.#origin || source !== this.#target) return;
    if (typeof data !== "object" || data === null) return;
    const { messageId, messageType, messagingHandle, responseToMessageId, payload } = data as Json;
    if (typeof responseToMessageId === "string") this.#answer(responseToMessageId, payload);
    else if (typeof messageId === "string" && messageType === "status.handshake" && messagingHandle === this.#handle)
      this.#greet(messageId);
  };

  #answer(id: string, payload: unknown): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    const answer = read(pending.type, payload);
    if (answer === null)
      pending.reject(new TesseraError("MALFORMED", "the EHR's answer is not of the form it should be"));
    else pending.resolve(answer);
  }

  /** Answers a handshake that the EHR began, once. */
  #greet(messageId: string): void {
    if (this.#answered.has(messageId)) return;
    const [oldest] = this.#answered;
    if (oldest !== undefined && this.#answered.size >= REMEMBERED) this.#answered.delete(oldest);
    this.#answered.add(messageId);
    this.#post({ messageId: crypto.randomUUID(), responseToMessageId: messageId, payload: {} });
  }
}

/** `null` for what is no answer to such a request. */
function read(type: MessageType, payload: unknown): EhrAnswer | null {
  if (typeof payload !== "object" || payload === null) return null;
  const { error, status, statusDetail, location, outcome } = payload as Json;
  if (type === "status.handshake") {
    const refusal = error === undefined ? null : error;
    return { accepted: refusal === null, location: null, detail: words(refusal, "display") ?? words(refusal, "code") };
  }
  if (typeof status !== "string") return null;
  if (type !== "scratchpad.create") {
    if (status !== "success" && status !== "failure") return null;
    return { accepted: status === "success", location: null, detail: words(statusDetail, "text") };
  }
  const detail = outcomeText(outcome);
  if (!/^2\d\d\b/.test(status)) return { accepted: false, location: null, detail: detail ?? status };
  if (typeof location !== "string" || !LOCATION.test(location)) return null;
  return { accepted: true, location, detail };
}

function words(value: unknown, key: string): string | null {
  const found = field(value, key);
  return typeof found === "string" ? found : null;
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Json)[key] : undefined;
}

/** The first issue of an OperationOutcome, in its own words. */
function outcomeText(outcome: unknown): string | null {
  const issues = field(outcome, "issue");
  const first: unknown = Array.isArray(issues) ? issues[0] : undefined;
  return words(field(first, "details"), "text") ?? words(first, "diagnostics") ?? words(first, "code");
}

/** A web origin as browsers write it, of HTTPS or of this machine. `*` would send a patient's words to any page. */
function exactOrigin(value: unknown): string {
  const name = "launch.smart_web_messaging_origin";
  const origin = text(value, name);
  let url: URL;
  try {
    url = new URL(origin);
  } catch {
    throw invalid(`${name} is not a web origin`);
  }
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.origin !== origin || !(url.protocol === "https:" || (url.protocol === "http:" && isLocal)))
    throw invalid(`${name} is not an exact web origin of HTTPS`);
  return origin;
}

function aborted(signal: AbortSignal | undefined): TesseraError {
  return new TesseraError("ABORTED", "the EHR did not answer in time", { cause: signal?.reason });
}

function closed(): TesseraError {
  return new TesseraError("DISPOSED", "the channel to the EHR is closed");
}
