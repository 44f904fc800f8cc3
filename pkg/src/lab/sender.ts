/**
 * Sends what a laboratory's folder holds, each file once, whenever the process dies:
 *
 *     read → `begun` → the vault has the message → `queued` → the relay has it → `sent` → moved → `delivered`
 *
 * The vault commits a message before its id is known here, so `begun` without `queued` is looked up there by content.
 */

import { contentTypeOf } from "./content.js";
import type { Job, LabFolder, Meta } from "./folder.js";
import type { Ledger, Line } from "./ledger.js";
import { hex } from "../bytes.js";
import { TesseraError, isTesseraError, type ErrorCode } from "../errors.js";
import { sha256 } from "../module/webcrypto.js";
import type { Portal } from "../portal/portal.js";
import type { Contact, Message } from "../portal/types.js";

/** A fault of the file or of its recipient. Any other failure ends the process, and the file waits. */
const FAILS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "INVALID_ARGUMENT",
  "MESSAGE_TOO_LARGE",
  "CONTACT_UNKNOWN",
  "CONTACT_SUSPECT",
]);
/** What ends an outgoing message without its recipient having it. */
const ENDS: ReadonlySet<string> = new Set(["undelivered", "stopped", "cancelled"]);
const LARGEST_FILE = 64 * 1024 * 1024;

/** One line for each thing that happened: never a name, a file name or content. */
export type Log = (line: string) => void;

/** How many files were sent, failed, are queued for the relay, and wait for something else. */
export interface Tally {
  sent: number;
  failed: number;
  queued: number;
  waiting: number;
}

export class LabSender {
  constructor(
    private readonly portal: Portal,
    private readonly folder: LabFolder,
    private readonly ledger: Ledger,
    private readonly log: Log,
  ) {}

  /** Looks at every file once: queues new ones in the vault, and moves those that the relay has. */
  async round(): Promise<Tally> {
    const tally = { sent: 0, failed: 0, queued: 0, waiting: 0 };
    for (const job of await this.folder.jobs()) tally[await this.#advance(job)] += 1;
    tally.failed += await this.#confirm();
    return tally;
  }

  async #advance(job: Job): Promise<keyof Tally> {
    let digest: string | undefined;
    let contact: Contact | undefined;
    try {
      const meta = await this.folder.meta(job);
      contact = await this.#recipient(meta);
      const { maxMessageBytes } = await this.portal.limits();
      const size = await this.folder.size(job);
      if (size > Math.min(maxMessageBytes, LARGEST_FILE))
        throw new TesseraError("MESSAGE_TOO_LARGE", `the file has ${size} bytes, the relay allows ${maxMessageBytes}`);
      const body = await this.folder.content(job);
      digest = await digestOf(contact, body);
      return await this.#send(job, digest, contact, meta, body);
    } catch (thrown) {
      if (isMissing(thrown)) return "waiting"; // it was taken away meanwhile
      if (!isTesseraError(thrown)) throw thrown;
      if (thrown.code === "CONTACT_PENDING" || (thrown.retryable && thrown.code !== "STORE_FAILED")) {
        this.log(`waits: ${thrown.code}${digest === undefined ? "" : ` ${short(digest)}`}`);
        return "waiting";
      }
      if (!FAILS.has(thrown.code)) throw thrown;
      await this.#fail(job, digest, contact, thrown);
      return "failed";
    }
  }

  /** The contact that a `.meta.json` names, by id or by fingerprint. */
  async #recipient({ contact: named }: Meta): Promise<Contact> {
    const contacts = (await this.portal.contacts()).filter(
      ({ id, fingerprint }) => id === named || (fingerprint !== null && hex(fingerprint) === named),
    );
    // Somebody who enrolled again has the same fingerprint twice.
    const found = contacts.find(({ state }) => state === "active") ?? contacts.at(-1);
    if (!found) throw new TesseraError("CONTACT_UNKNOWN", "the contact in the .meta.json is none of this laboratory");
    return found;
  }

  async #send(job: Job, digest: string, contact: Contact, meta: Meta, body: Uint8Array): Promise<keyof Tally> {
    let line = this.ledger.get(digest);
    if (line?.step === "begun") {
      const known = await this.#inVault(contact.id, body);
      if (known) line = await this.#queued(digest, known);
    }
    if (line === undefined || line.step === "begun" || line.step === "failed") {
      const attachment = { contentType: contentTypeOf(body), body };
      await this.ledger.add({ digest, step: "begun", contact: contact.id });
      const { label } = meta;
      const content = { attachments: [attachment], ...(label === undefined ? {} : { session: label }) };
      line = await this.#queued(digest, await this.portal.send(contact.id, content));
    }
    if (line.step === "queued") {
      const message = await this.#message(line);
      if (message?.state === "queued") return "queued";
      if (message === undefined || ENDS.has(message.state)) {
        await this.#fail(job, digest, contact, ended(message));
        return "failed";
      }
    }
    // A process may have died before it moved the file; or the same file was put here again.
    const target = await this.folder.target(line.file ?? job.name, "sent");
    if (line.step === "queued") {
      await this.ledger.add({ ...line, step: "sent", file: target });
      this.log(`sent ${short(digest)}`);
    } else this.log(`was sent before: ${short(digest)}`);
    await this.folder.move(job, "sent", target);
    return "sent";
  }

  async #queued(digest: string, message: Message): Promise<Line> {
    return this.ledger.add({ digest, step: "queued", contact: message.contactId, message: message.id });
  }

  async #fail(job: Job, digest: string | undefined, contact: Contact | undefined, error: TesseraError): Promise<void> {
    await this.folder.move(job, "failed", await this.folder.target(job.name, "failed"), error);
    if (digest !== undefined && contact !== undefined)
      await this.ledger.add({ digest, step: "failed", contact: contact.id });
    this.log(`failed: ${error.code}${digest === undefined ? "" : ` ${short(digest)}`}`);
  }

  /** Sent files that were confirmed, or no longer will be. */
  async #confirm(): Promise<number> {
    let failed = 0;
    const lines = this.ledger.at("sent");
    const messages = new Map<string, Message>();
    for (const contact of new Set(lines.map((line) => line.contact)))
      for (const message of await this.#those(contact, new Set(lines.map((line) => line.message))))
        messages.set(message.id, message);
    for (const line of lines) {
      const message = messages.get(line.message ?? "");
      if (message?.state === "delivered") {
        await this.ledger.add({ ...line, step: "delivered" });
        this.log(`delivered ${short(line.digest)}`);
      } else if (message !== undefined && ENDS.has(message.state)) {
        const error = ended(message);
        if (line.file !== undefined) await this.folder.moveBack(line.file, error);
        await this.ledger.add({ ...line, step: "failed" });
        this.log(`failed: not confirmed ${short(line.digest)}`);
        failed += 1;
      }
    }
    return failed;
  }

  async #message({ contact, message }: Line): Promise<Message | undefined> {
    return (await this.#those(contact, new Set([message])))[0];
  }

  /** The messages with these ids, as far as a contact has them. */
  async #those(contactId: string, ids: ReadonlySet<string | undefined>): Promise<readonly Message[]> {
    const found: Message[] = [];
    for await (const message of this.#newestFirst(contactId)) {
      if (ids.has(message.id)) found.push(message);
      if (found.length === ids.size) break;
    }
    return found;
  }

  /** The message with this content that the vault has already. */
  async #inVault(contactId: string, body: Uint8Array): Promise<Message | undefined> {
    for await (const message of this.#newestFirst(contactId)) {
      const [only, ...others] = message.attachments;
      const { direction, state } = message;
      // One that ended without being received is not the one that was being sent.
      if (direction !== "out" || ENDS.has(state) || others.length > 0 || only?.size !== body.length) continue;
      if (Buffer.from(await only.body()).equals(body)) return message;
    }
    return undefined;
  }

  async *#newestFirst(contactId: string): AsyncGenerator<Message, void, undefined> {
    if (!(await this.portal.contacts()).some(({ id }) => id === contactId)) return;
    for (let before: string | undefined; ; ) {
      const page = await this.portal.messages(contactId, before === undefined ? {} : { before });
      yield* [...page].reverse();
      before = page[0]?.id;
      if (before === undefined) return;
    }
  }
}

function ended(message: Message | undefined): TesseraError {
  if (message?.state === "stopped")
    return new TesseraError("CONTACT_SUSPECT", "the contact is suspect: it was not sent, or not all of it");
  return message === undefined
    ? new TesseraError("MESSAGE_UNKNOWN", "the vault does not have the message any more")
    : new TesseraError("MESSAGE_INCOMPLETE", "the recipient did not confirm it in time");
}

async function digestOf(contact: Contact, body: Uint8Array): Promise<string> {
  const parts = [new TextEncoder().encode(`${contact.id} `), body];
  return hex(await sha256(Buffer.concat(parts)));
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
}

function short(digest: string): string {
  return digest.slice(0, 12);
}
