/** A vault that is only read: nothing of the store is changed, nothing is sent or pulled. */

import type { Engine } from "./engine.js";
import { EngineHost } from "./engine-host.js";
import { readMessages } from "./messages.js";
import type { AuditEntriesOptions, AuditEntry, AuditVerification, AuditVerifyOptions } from "./types.js";
import type { Contact, Device, DraftFile, Me, Message, MessagesOptions, Settings } from "./types.js";
import { AuditLog } from "../audit/log.js";
import { text } from "../arguments.js";
import { TesseraError } from "../errors.js";
import type { Store } from "../store/store.js";

/** The part of the audit log that writes nothing to it. */
export interface ReadOnlyAudit {
  entries(options?: AuditEntriesOptions): Promise<AuditEntry[]>;
  verify(options?: AuditVerifyOptions): Promise<AuditVerification>;
}

/** The vault as it stood when it was opened. Open it again to see later changes. */
export class ReadOnlyPortal {
  readonly audit: ReadOnlyAudit;
  readonly #host: EngineHost;

  /** Made by `Portal.openReadOnly`. */
  constructor(engine: Engine, store: Store, revision: number) {
    const host = new EngineHost(engine, readOnly(store), revision, () => {});
    this.#host = host;
    const log = new AuditLog({ forRead: () => host, forUser: () => host });
    this.audit = {
      entries: (options) => log.entries(options),
      verify: (options) => log.verify(options),
    };
  }

  async me(): Promise<Pick<Me, "name" | "publicKey" | "fingerprint">> {
    return this.#host.readFirst((engine) => engine.me());
  }

  async contacts(): Promise<Contact[]> {
    return this.#host.readFirst((engine) => engine.contacts());
  }

  /** Messages with a contact, the newest last. */
  async messages(contactId: string, options: MessagesOptions = {}): Promise<Message[]> {
    return readMessages(() => this.#host, contactId, options);
  }

  /** What was written to a contact and not sent yet; empty if nothing. */
  async draft(contactId: string): Promise<string> {
    return this.#host.draft(text(contactId, "contactId"));
  }

  /** The session label of that message. */
  async draftSession(contactId: string): Promise<string> {
    return this.#host.draftSession(text(contactId, "contactId"));
  }

  /** The files that were picked for that message. */
  async draftFiles(contactId: string): Promise<DraftFile[]> {
    return this.#host.draftFiles(text(contactId, "contactId"));
  }

  /** What proves to others who wrote a message that came in: see `Portal.evidence`. */
  async evidence(messageId: string): Promise<Uint8Array> {
    return this.#host.evidence(text(messageId, "messageId"));
  }

  async device(): Promise<Device> {
    return this.#host.readFirst((engine) => engine.device());
  }

  async settings(): Promise<Settings> {
    return this.#host.readFirst((engine) => engine.settings());
  }

  /** Wipes what is in memory and closes the store. */
  async dispose(): Promise<void> {
    await this.#host.end();
  }
}

/** A step that would change something is a defect here. */
function readOnly(store: Store): Store {
  return {
    get: (key) => store.get(key),
    list: (prefix) => store.list(prefix),
    commit: async () => {
      throw new TesseraError("INTERNAL", "a vault that is only read was to be changed");
    },
    close: () => store.close(),
  };
}
