/** Requests to a FHIR server: bounded in time, repeated where that is safe, and with errors that hold nothing of a patient. */

import { throwIfAborted } from "../../arguments.js";
import { TesseraError, invalid, isTesseraError } from "../../errors.js";
import { sleep } from "../../relay/environment.js";

export interface RequestOptions {
  /** Sends a request; the host adds its token. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** How often a request is sent at most, if the server does not answer or asks to wait: 5 if left out. */
  readonly attempts?: number;
  /** How long the server may take to answer: 30 if left out. */
  readonly timeoutSeconds?: number;
  /** Waits before the next attempt; with a timer if left out. */
  readonly wait?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
}

export interface Answer {
  readonly status: number;
  /** The resource of the body, or null. */
  readonly body: Record<string, unknown> | null;
  readonly location: string | null;
  readonly etag: string | null;
}

export interface ServerRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** Below the base. */
  readonly path: string;
  readonly body?: string;
  readonly ifNoneExist?: string;
  /** Whether it may be sent again although an earlier attempt may have been carried out. */
  readonly repeatable: boolean;
}

const LONGEST_WAIT_MS = 60_000;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export class FhirRequests {
  readonly #base: string;
  readonly #options: RequestOptions;

  constructor(base: string | URL, options: RequestOptions) {
    if (typeof options.fetch !== "function") throw invalid("fetch is not a function");
    this.#base = baseUrl(base);
    this.#options = options;
  }

  /** The answer, with any status except those that ask to retry later. `RECORD_UNREACHABLE` after the last attempt. */
  async send(request: ServerRequest, signal?: AbortSignal): Promise<Answer> {
    const { attempts = 5, wait = sleep } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(request, signal);
      if (!isTesseraError(outcome)) return outcome;
      if (outcome.code !== "RECORD_UNREACHABLE" || attempt >= attempts) throw outcome;
      const asked = (outcome.retryAfter ?? 0) * 1000;
      if (asked > LONGEST_WAIT_MS) throw outcome;
      const backOff = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
      await wait(Math.max(asked, backOff), signal);
      throwIfAborted(signal);
    }
  }

  async #attempt(request: ServerRequest, signal: AbortSignal | undefined): Promise<Answer | TesseraError> {
    const { method, path, body, ifNoneExist, repeatable } = request;
    const limit = AbortSignal.timeout((this.#options.timeoutSeconds ?? 30) * 1000);
    let response: Response;
    let text: string;
    try {
      response = await this.#options.fetch(`${this.#base}${path}`, {
        method,
        headers: {
          accept: "application/fhir+json",
          ...(body === undefined ? {} : { "content-type": "application/fhir+json" }),
          ...(ifNoneExist === undefined ? {} : { "if-none-exist": ifNoneExist }),
        },
        ...(body === undefined ? {} : { body }),
        signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        // A message must not go to a server that the host did not name.
        redirect: "error",
        referrerPolicy: "no-referrer",
      });
      text = await response.text();
    } catch {
      throwIfAborted(signal);
      return repeatable ? unreachable("it does not answer") : ambiguous("did not answer");
    }
    const { status, headers } = response;
    // These say that nothing was done; a server error does not.
    const declined = status === 429 || status === 503;
    if (declined || (repeatable && (status === 408 || status === 409 || (status >= 500 && status !== 501))))
      return unreachable(`status ${status}`, Number(headers.get("retry-after") ?? ""));
    if (!repeatable && status >= 500 && status !== 501) return ambiguous(`failed (status ${status})`);
    return { status, body: parsed(text), location: headers.get("location"), etag: headers.get("etag") };
  }
}

/** The error for an answer that is no success. It names the status and the server's kinds of issue, never its words. */
export function refusal({ status, body }: Pick<Answer, "status" | "body">): TesseraError {
  const issues: unknown = body?.["issue"];
  const kinds = (Array.isArray(issues) ? issues : [])
    .map((issue: unknown) => (issue as { code?: unknown } | null)?.code)
    .filter((code): code is string => typeof code === "string" && /^[a-z-]{1,30}$/.test(code));
  const what = [`status ${status}`, ...new Set(kinds)].join(", ");
  if (status === 412 || kinds.includes("multiple-matches"))
    return new TesseraError("RECORD_AMBIGUOUS", `the health record has the message more than once (${what})`);
  if (status === 501 || kinds.includes("not-supported"))
    return new TesseraError("RECORD_UNSUPPORTED", `the health record does not support what filing needs (${what})`);
  return new TesseraError("RECORD_REFUSED", `the health record refused the message (${what})`);
}

function ambiguous(what: string): TesseraError {
  return new TesseraError("RECORD_AMBIGUOUS", `the health record ${what}: whether it has the message is unknown`);
}

function unreachable(why: string, retryAfter = Number.NaN): TesseraError {
  const options = Number.isFinite(retryAfter) && retryAfter > 0 ? { retryAfter } : {};
  return new TesseraError("RECORD_UNREACHABLE", `the health record cannot be reached: ${why}`, options);
}

function baseUrl(base: string | URL): string {
  let url: URL;
  try {
    url = new URL(base);
  } catch {
    throw invalid("base is not a URL");
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && LOOPBACK.test(url.hostname)))
    throw invalid("base is not an https URL");
  if (url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "")
    throw invalid("base has a query, a fragment or credentials");
  return url.href.replace(/\/+$/, "");
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
