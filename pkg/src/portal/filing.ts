/** Filing of messages in the host's health record: `portal.filing`. The host sends them there; the vault keeps what came of it. */

import { asMessage } from "./messages.js";
import type { Runtime } from "./runtime.js";
import type { Message, MessageState } from "./types.js";
import { flag, integer, options as known, text } from "../arguments.js";
import type { ErrorCode } from "../errors.js";

/** Whether the health record has a message. */
export interface Filing {
  readonly state: "unfiled" | "filing" | "filed" | "failed";
  /** The id and the version that the record assigned, once it has the message. */
  readonly id: string | null;
  readonly version: string | null;
  /** Why it failed. */
  readonly code: ErrorCode | null;
  /** Since when this is so, in Unix seconds; `null` while unfiled. */
  readonly since: number | null;
  /** Whether the record has an earlier state of the message, so that it must be filed again. */
  readonly outdated: boolean;
}

/** A message that the record has. */
export interface FiledMessage {
  /** The id of the Communication, without its type. */
  readonly id: string;
  readonly version?: string | null;
  /** The state of the message that was filed: it may have changed since it was read. */
  readonly filedAs: MessageState;
}

/** Messages that the record does not have, or has in an earlier state. Those that are held do not count. */
export interface Unfiled {
  readonly count: number;
  /** The first of them. */
  readonly messages: Message[];
}

/** To delete what the health record does not have. */
export interface DiscardOptions {
  /** Goes on although messages are unfiled, instead of `MESSAGE_UNFILED`. Counts only with the setting `filing`. */
  readonly discardUnfiled?: boolean;
}

export function discards(options: DiscardOptions): boolean {
  return flag(known(options, "options", ["discardUnfiled"]).discardUnfiled, "discardUnfiled");
}

const DEFAULT_LIMIT = 50;

export class MessageFiling {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A message is being sent to the record. */
  async started(messageId: string): Promise<void> {
    const id = text(messageId, "messageId");
    await this.#runtime.forRead().apply((engine, now) => engine.filingStarted(id, now));
  }

  /** The record has a message. */
  async filed(messageId: string, filed: FiledMessage): Promise<void> {
    const message = text(messageId, "messageId");
    const { id, version = null, filedAs } = known(filed, "filed", ["id", "version", "filedAs"]);
    const [resource, state] = [text(id, "id"), text(filedAs, "filedAs")];
    const edition = version === null ? undefined : text(version, "version");
    await this.#runtime.forRead().apply((engine, now) => engine.filed(message, resource, edition, state, now));
  }

  /** The record does not have a message: `code` says why. */
  async failed(messageId: string, code: ErrorCode): Promise<void> {
    const [id, why] = [text(messageId, "messageId"), text(code, "code")];
    await this.#runtime.forRead().apply((engine, now) => engine.filingFailed(id, why, now));
  }

  /** Unfiled messages; none without the setting `filing`. */
  async unfiled(options: { readonly limit?: number } = {}): Promise<Unfiled> {
    const { limit = DEFAULT_LIMIT } = known(options, "options", ["limit"]);
    const most = integer(limit, "limit", 1, 10_000);
    const host = this.#runtime.forRead();
    const { count, found } = await host.readFirst((engine) => ({
      count: engine.countUnfiled(),
      found: engine.unfiled(most),
    }));
    const messages = found.map(async (message) =>
      asMessage(await host.withText(message), () => this.#runtime.forRead()),
    );
    return { count, messages: await Promise.all(messages) };
  }
}
