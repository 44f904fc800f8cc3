/** What the relay delivers, and what is wrong with it. Times are Unix seconds; binary values are `Uint8Array`. */

import type { ErrorCode } from "../../errors.js";
import type { Message, Transfer } from "./messages.js";

/** Something is wrong with the relay; reported once, and again with `cleared` when it is over. */
export interface RelayNotice {
  readonly code: "RELAY_TIME" | "RELAY_CHANGED" | "MIRROR_UNREACHABLE" | "EQUIVOCATION";
  /** For `EQUIVOCATION`: two headers that the relay signed and that cannot both be true, hexadecimal. The vault keeps them. */
  readonly proof?: string;
  readonly cleared: boolean;
}

export interface Rejected {
  readonly code: ErrorCode;
  readonly contactId?: string;
  /** How many times in the same download or call. */
  readonly count: number;
}

/** Something is missing: batches of a mailbox, or messages of a contact; or the mailbox goes on under another key. `closed`: it has arrived. */
export type Gap =
  | {
      readonly kind: "batches";
      readonly from?: number;
      readonly to: number;
      readonly lobby: boolean;
      readonly closed: boolean;
      readonly contactId?: undefined;
    }
  | {
      readonly kind: "sequence";
      readonly contactId: string;
      readonly from: number;
      readonly to: number;
      readonly closed: boolean;
    }
  | { readonly kind: "origin"; readonly origin: string; readonly lobby: boolean; readonly contactId?: undefined };

/** A pull goes on. */
export interface PullProgress {
  readonly kind: "pull";
  readonly mailbox: "own" | "lobby";
  /** Batches, or segments of many, taken so far, of so many. */
  readonly batches: number;
  readonly totalBatches: number;
  /** Bytes pulled so far, of so many. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/** A message of several cells came or went a little further. */
export type TransferProgress = Transfer & { readonly kind: "message" };

export type Progress = PullProgress | TransferProgress;

export interface RelayStatus {
  readonly reachable: boolean;
  /** Cells that wait here for the relay. */
  readonly queued: number;
  /** Why it cannot be reached, or will not answer. */
  readonly code?: ErrorCode;
}

/** The device's clock and the relay's differ by more than five minutes, or no longer do. */
export interface ClockSkew {
  /** How far the relay's clock is ahead of the device's. */
  readonly seconds: number;
  /** Left out once the clocks agree. */
  readonly code?: "CLOCK_SKEW";
}

/** The relay answers, but has published nothing new for several epochs; or it does again. */
export interface Stall {
  /** The person's own mailbox, or the lobby that enrolments pass through. */
  readonly mailbox: "own" | "lobby";
  readonly stalled: boolean;
  readonly code?: "STALLED";
}

export interface EventsOptions {
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

export interface SyncOptions {
  /** Sends the whole queue at once, outside the slots. The relay sees when one writes, and how much: for labs and tests. */
  readonly flush?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
}

export interface SyncResult {
  readonly messages: Message[];
  readonly rejected: Rejected[];
  readonly gaps: Gap[];
  readonly cellsScanned: number;
  readonly bytesPulled: number;
  /** Whether batches are left that could not be taken in this round. */
  readonly incomplete: boolean;
}
