/** Messages, their attachments and their evidence. Times are Unix seconds; binary values are `Uint8Array`. */

import type { Filing } from "../filing.js";

/** A message to send: text, files or both. */
export interface OutgoingContent {
  readonly text?: string | null;
  /** At most 100. A `File` goes with its name and type. */
  readonly attachments?: readonly (Blob | OutgoingAttachment)[];
  /** The label of a visit, such as `visit-7421`: 0 to 48 bytes of UTF-8. */
  readonly session?: string;
  /** As in `open`, for this message. What waits before it leaves with it. */
  readonly pace?: Pace;
  /** Ends the call with `ABORTED` while the message is not queued yet. */
  readonly signal?: AbortSignal;
}

export interface OutgoingAttachment {
  /** 1 to 127 printable ASCII characters. */
  readonly contentType: string;
  readonly body: Uint8Array | Blob;
  /** At most 255 bytes of UTF-8, without folders and without characters that cannot be seen. */
  readonly filename?: string | null;
}

/** A file that was picked for a message and not sent yet; `send` takes it as it is. */
export interface DraftFile {
  readonly contentType: string;
  readonly filename: string | null;
  readonly body: Uint8Array;
}

/** A file of a message. */
export interface Attachment {
  /** What its sender says it is. */
  readonly contentType: string;
  readonly filename: string | null;
  /** Its bytes. */
  readonly size: number;
  /** Rejects with `CONTACT_PENDING` while the message is held, and with `VAULT_DAMAGED` if its bytes are lost. */
  body(): Promise<Uint8Array>;
  /** The same as a `Blob` of its content type; of one that a browser would run under the page's origin (HTML, XML, SVG, scripts), `application/octet-stream`. */
  blob(): Promise<Blob>;
}

/** `queued` here, `sent` by the relay, `delivered` to the contact; or `undelivered` after the set time, or `cancelled`, or `stopped` because its contact can no longer be trusted. `verified`: arrived and its proof holds. `held`: arrived, shown once the contact is checked. */
export type MessageState =
  | "queued"
  | "sent"
  | "delivered"
  | "undelivered"
  | "cancelled"
  | "stopped"
  | "verified"
  | "held";

export interface Message {
  readonly id: string;
  readonly contactId: string;
  readonly direction: "in" | "out";
  /** What was sent as `text`, unless it is held. A text file is an attachment. */
  readonly text: string | null;
  readonly attachments: readonly Attachment[];
  /** Why something of it cannot be shown. `malformed`: it is not what its sender's software says it is; its only attachment is the original, to be saved. `damaged`: this store has lost its content. */
  readonly problem: "malformed" | "damaged" | null;
  /** By the sender's clock, in Unix seconds. */
  readonly sentAt: number;
  /** `null` for an outgoing message. */
  readonly receivedAt: number | null;
  readonly session: string | null;
  readonly state: MessageState;
  /** Of a queued message: by when, in Unix seconds, all of it has left in slots if the portal stays open. */
  readonly leavesBy?: number;
  /** Whether `markRead` named it; true for an outgoing message. */
  readonly read: boolean;
  /** Whether the health record has it. */
  readonly filing: Filing;
  /** What its sender proved, for evidence: the text in UTF-8, or the text and attachments in CBOR (protocol §6). */
  body(): Promise<Uint8Array>;
}

export type OutgoingMessage = Message & { readonly direction: "out" };

export interface MessagesOptions {
  /** The id of a message: those before it are wanted. */
  readonly before?: string;
  /** 50 if left out. */
  readonly limit?: number;
}

/** A message of several cells on its way. */
export interface Transfer {
  /** The message's id if it goes out; an id of its own if it comes in. */
  readonly id: string;
  readonly contactId: string;
  readonly direction: "in" | "out";
  /** Bytes that arrived here, or that the relay has. */
  readonly bytes: number;
  /** Bytes in all; up to a cell too many for one that comes in. */
  readonly totalBytes: number;
}

/** What the relay allows. */
export interface Limits {
  /** Of the files and the text, in UTF-8, of one message together. Names and types do not count. */
  readonly maxMessageBytes: number;
  /** One slot of cells leaves per epoch. */
  readonly epochSeconds: number;
  readonly cellsPerBucket: number;
}

/** What sending takes, at most. */
export interface Estimate {
  /** Cells of the message. */
  readonly cells: number;
  /** Until the relay has published all of it, while the portal is open and nothing else waits. */
  readonly seconds: number;
}

/** `steady`: a message leaves in slots, which look the same whatever is written. `prompt`: at once, in additional slots: the relay sees that this address sends, when and how much, not to whom nor to which bucket. */
export type Pace = "steady" | "prompt";

/** What evidence proves: who wrote a message, for whom and when. */
export interface Evidence {
  /** Fingerprints, 32 bytes. */
  readonly sender: Uint8Array;
  readonly recipient: Uint8Array;
  /** 64 bytes. */
  readonly senderPublicKey: Uint8Array;
  /** By the sender's clock, in Unix seconds. */
  readonly sentAt: number;
  /** The sender's device, and its count of deliveries to this recipient. */
  readonly device: number;
  readonly seq: number;
  /** The label of a visit. */
  readonly session: string | null;
  /** Of the body: `text/plain`, or that of a message with attachments. */
  readonly contentType: string;
  /** How and when the recipient checked the sender: its word, which nothing proves. `null` if it was not kept. */
  readonly checked: { readonly by: "digits" | "expected" | "inPerson"; readonly at: number } | null;
}
