/** What a person writes: drafts, sending, taking back, deleting. */

import { draftFiles, outgoing } from "./content.js";
import type { DiscardOptions } from "./filing.js";
import { requirePace } from "./options.js";
import type { Runtime } from "./runtime.js";
import type {
  DraftFile,
  Estimate,
  Limits,
  OutgoingAttachment,
  OutgoingContent,
  OutgoingMessage,
  Pace,
} from "./types.js";
import { content, flag, integer, options as known, text, throwIfAborted } from "../arguments.js";
import { TesseraError } from "../errors.js";

export class Mail {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async send(contactId: string, message: OutgoingContent): Promise<OutgoingMessage> {
    const to = text(contactId, "contactId");
    const { session, pace, signal, size, read } = outgoing(message);
    throwIfAborted(signal);
    this.#runtime.lockController.used();
    await this.#runtime.driver.ready();
    const { maxMessageBytes } = await this.limits();
    if (size > maxMessageBytes)
      throw new TesseraError("MESSAGE_TOO_LARGE", `the message has ${size} bytes, the relay allows ${maxMessageBytes}`);
    const { text: typed, attachments } = await read();
    throwIfAborted(signal);
    const isPrompt = (pace ?? this.#runtime.pace) === "prompt";
    const sent = await this.#runtime.host.apply((engine, now) => {
      const effects = engine.send(to, typed, attachments, session, now);
      return isPrompt ? this.#runtime.prompt.marked(effects) : effects;
    });
    if (!isPrompt) return this.#runtime.message(sent) as OutgoingMessage;
    void this.#runtime.prompt.send();
    const { leavesBy: _, ...leaving } = sent;
    return this.#runtime.message(leaving) as OutgoingMessage;
  }

  async cancel(messageId: string): Promise<OutgoingMessage> {
    const id = text(messageId, "messageId");
    const cancelled = await this.#runtime.forUser().apply((engine, now) => engine.cancel(id, now));
    return this.#runtime.message(cancelled) as OutgoingMessage;
  }

  async markRead(contactId: string, messageId?: string): Promise<void> {
    const contact = text(contactId, "contactId");
    const until = messageId === undefined ? undefined : text(messageId, "messageId");
    await this.#runtime.forRead().apply((engine, now) => engine.markRead(contact, until, now));
  }

  async delete(messageId: string, options: DiscardOptions): Promise<void> {
    const id = text(messageId, "messageId");
    const discard = flag(known(options, "options", ["discardUnfiled"]).discardUnfiled, "discardUnfiled");
    await this.#runtime.forUser().apply((engine, now) => engine.deleteMessage(id, discard, now));
  }

  async limits(): Promise<Limits> {
    this.#runtime.lockController.check();
    const { maxAttachmentBytes, epochSeconds, perBucket } = await this.#runtime.driver.parameters();
    return { maxMessageBytes: maxAttachmentBytes, epochSeconds, cellsPerBucket: perBucket };
  }

  async estimate(bytes: number, pace: Pace): Promise<Estimate> {
    const count = integer(bytes, "bytes", 0, Number.MAX_SAFE_INTEGER);
    const prompt = requirePace(pace) === "prompt";
    this.#runtime.lockController.check();
    await this.#runtime.driver.parameters();
    return this.#runtime.forRead().read((engine) => engine.estimate(count, prompt));
  }

  async draft(contactId: string): Promise<string> {
    return this.#runtime.forRead().draft(text(contactId, "contactId"));
  }

  async setDraft(contactId: string, draft: string): Promise<void> {
    const [to, kept] = [text(contactId, "contactId"), content(text(draft, "draft"), "draft")];
    await this.#runtime.forUser().apply((engine, now) => engine.setDraft(to, kept, now));
  }

  async draftSession(contactId: string): Promise<string> {
    return this.#runtime.forRead().draftSession(text(contactId, "contactId"));
  }

  async setDraftSession(contactId: string, session: string): Promise<void> {
    const [to, kept] = [text(contactId, "contactId"), content(text(session, "session"), "session")];
    await this.#runtime.forUser().apply((engine, now) => engine.setDraftSession(to, kept, now));
  }

  async draftFiles(contactId: string): Promise<DraftFile[]> {
    return this.#runtime.forRead().draftFiles(text(contactId, "contactId"));
  }

  async setDraftFiles(contactId: string, files: readonly (Blob | OutgoingAttachment)[]): Promise<void> {
    const [to, kept] = [text(contactId, "contactId"), await draftFiles(files)];
    await this.#runtime.forUser().apply((engine, now) => engine.setDraftFiles(to, kept, now));
  }
}
