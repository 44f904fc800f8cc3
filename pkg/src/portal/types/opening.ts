/** How a portal is opened, and what opens its vault. Times are Unix seconds; binary values are `Uint8Array`. */

import type { PortalEvents } from "../events.js";
import type { ErrorCode } from "../../errors.js";
import type { RelayClient, RelayOptions } from "../../relay/client.js";
import type { Store } from "../../store/store.js";
import type { Pace } from "./messages.js";

/** To read a vault. */
export interface ReadOptions {
  readonly store: Store;
  /** One of the three opens the vault. */
  readonly passphrase?: string | Uint8Array;
  readonly passkey?: boolean;
  readonly key?: HostKey;
}

/**
 * A key from the host's key management or single sign-on: 32 random bytes, a function that asks for them whenever they are needed, or
 * a `CryptoKey`: of HKDF with `deriveBits` or of HMAC with `sign`, which need not be extractable, or any secret of 32 bytes that is.
 */
export type HostKey = CryptoKey | Uint8Array | (() => Promise<Uint8Array>);

/** Where the relay is, and how a portal behaves while it is open. */
interface Behaviour {
  /** The relay's URL, with an access token if it wants one; or a client of the host's own. */
  readonly relay: URL | string | RelayOptions | RelayClient;
  /** How messages leave, unless `send` says otherwise: `steady` if left out. */
  readonly pace?: Pace;
  /** Is given a backup after changes. */
  readonly backup?: BackupHook;
  /** Receives what happens, for the host's own log. */
  readonly log?: (entry: LogEntry) => void;
  /** Locks the vault after so many minutes without use, 1440 at most: see `touch()`. Without it, it stays open. */
  readonly idleMinutes?: number;
  /**
   * How long receipts wait on average, in whole minutes: 1440, a day, if left out; 2880 at most; 0 lets them leave with the next
   * slot. Each waits for a random time, so that a receipt says little about when its message was read. The shorter, the more
   * contacts and the relay learn of that, and of who answers whom.
   */
  readonly receiptDelayMinutes?: number;
  /**
   * How the own bucket is read. `whole`, if left out: all of it. `light`: by the tags of its cells, and the person's cells from the relay
   * and `relay.mirror` together, of which neither learns which. For a phone: about a fiftieth of the bytes.
   */
  readonly reading?: Reading;
  /**
   * Bitmaps of each request of light reading, and so how many cells a look retrieves: 1 to 16, 8 unless set. Give all portals of a
   * deployment the same number: a relay sees it.
   */
  readonly lightQueries?: number;
  /**
   * Asked before more than 5 MiB are pulled where the browser says that its user saves data. After `false` nothing is pulled in this
   * round, and the next one asks again: what waits at the relay is kept there for its retention. With `reading: "light"` always asked
   * before a window is read whole, which tells the relay that there is something in it.
   */
  readonly confirmLargeDownload?: (bytes: number) => boolean | Promise<boolean>;
}

export interface OpenOptions extends Behaviour {
  readonly store: Store;
  /** Opens the vault, through PBKDF2. Text is normalised (NFKC); an array passed here is left as it is: wipe it. Left out only with `passkey` or `key`. */
  readonly passphrase?: string | Uint8Array;
  /** Opens the vault with a passkey that `addPasskey()` made, instead of the passphrase. */
  readonly passkey?: boolean;
  /** Opens the vault, or a new one, with a key that the host keeps, instead of the passphrase and without PBKDF2. Anyone with the key has the vault. */
  readonly key?: HostKey;
  /** What contacts see: 1 to 64 bytes of UTF-8. Needed with `create`, and used when a vault is created. */
  readonly name?: string;
  /** Whether a new vault, with a new identity, may be created if the store has none. Without it: `VAULT_MISSING`. */
  readonly create?: boolean;
  /** The host knows that this person had a vault here, so a missing one was cleared. `indexedDbStore` remembers it by itself, but what it remembers may be cleared too. */
  readonly expectVault?: boolean;
  /** Allows a new vault after the one that was here is gone. Without it: `VAULT_EVICTED`. */
  readonly afterEviction?: boolean;
  /** Moves the vault here if another tab or worker has it open; the portal there ends with `VAULT_IN_USE`. Without it this call does. */
  readonly takeOver?: boolean;
  /** Ends the opening with `ABORTED`, which leaves the store free: for a component that was unmounted meanwhile. */
  readonly signal?: AbortSignal;
}

/** All of the own bucket, or by the tags of its cells. */
export type Reading = "whole" | "light";

/** To open a vault with one of its passkeys. */
export interface PasskeyOpening {
  readonly passkey: true;
}

/** To open a vault with the host's key. */
export interface KeyOpening {
  readonly key: HostKey;
}

export interface PasskeyOptions {
  /** What the platform calls the passkey when it shows it. The page's host name if left out. */
  readonly label?: string;
}

export interface RestoreOptions extends Behaviour {
  /** An empty store: `STORE_NOT_EMPTY` otherwise. */
  readonly store: Store;
  /** The passphrase of the backup; or else its recovery code. */
  readonly passphrase?: string | Uint8Array;
  /** The host's key, if it opens the backup. */
  readonly key?: HostKey;
  /** As printed; case, spaces and hyphens do not matter. With it, `newPassphrase` is needed. */
  readonly recoveryCode?: string;
  /** Opens the restored vault from now on, in the place of the one before. */
  readonly newPassphrase?: string | Uint8Array;
}

/**
 * A line of the host's own log. It holds no content, name, id, bucket or address, so it may go where the host's other logs go. The
 * audit log, which says who wrote to whom, is separate and stays in the vault.
 */
export interface LogEntry {
  /** Unix seconds. */
  readonly time: number;
  readonly level: "info" | "warn" | "error";
  /** The name of an event of the portal; or `opened`, `disposed`, or `request` for one to the relay that failed. */
  readonly event: keyof PortalEvents | "opened" | "disposed" | "request";
  readonly code?: ErrorCode | undefined;
  /** What else the event says, of numbers, flags and fixed words. */
  readonly [detail: string]: string | number | boolean | undefined;
}

/**
 * Takes a backup, sealed, and keeps it where it is safe. Called soon after each change that matters, one call at a time; if it
 * throws or rejects, again later, and a `storage` event says so.
 */
export type BackupHook = (bundle: Uint8Array) => unknown;

/** A defect ended the worker that had the vault open; and again with `cleared` once the vault is open in another. */
export interface WorkerNotice {
  readonly code: "INTERNAL";
  readonly cleared: boolean;
}

/** Why a vault was locked: it was idle for `idleMinutes`, `lock()` was called, or a defect ended the worker that had it open. */
export type LockReason = "idle" | "manual" | "defect";

export interface LockStatus {
  readonly reason: LockReason;
}

/** After a vault was created: whether the browser promised not to clear the store by itself. If not, it may: Safari after 7 days without a visit. Or: the `backup` function failed and is called again later, or did what it failed to do. */
export type StorageStatus =
  | { readonly persisted: boolean; readonly backup?: undefined; readonly full?: undefined }
  | { readonly full: boolean; readonly persisted?: undefined; readonly backup?: undefined }
  | BackupStatus;

export interface BackupStatus {
  readonly persisted?: undefined;
  readonly full?: undefined;
  readonly backup: "failed" | "saved";
  /** What the function threw. */
  readonly cause?: unknown;
}

/** How long things count here; the relay has no say in it. */
export interface Settings {
  /** Days for which a month's keys stay after its end: 3 to 28, 7 unless set. */
  readonly graceDays: number;
  /** Days for which deliveries are accepted: 7 to 60, 60 unless set. */
  readonly retentionDays: number;
  /** Whether messages are filed in a health record. If so, nothing that it does not have is deleted unasked. `false` unless set. */
  readonly filing: boolean;
}
