/** Devices of one person, and emergency access to a backup. Times are Unix seconds; binary values are `Uint8Array`. */

import type { RelayClient, RelayOptions } from "../../relay/client.js";
import type { Store } from "../../store/store.js";

/** Which device this is, of those that were restored from backups one after another. */
export interface Device {
  /** 0 for the one the vault was created on. */
  readonly index: number;
  /** Whether it came from a backup. */
  readonly restored: boolean;
  /** A restored one sends only once it has read its mailbox; `send` does that first. */
  readonly ready: boolean;
  /** The newer device that took its place: this one only reads. */
  readonly supersededBy: number | null;
}

/** Two devices of one person are in use. `superseded`: this one, which sends nothing more. `former`: one whose place this one took is still open somewhere. `contact`: a contact wrote from an older device after a newer one. */
export type DeviceNotice =
  | {
      readonly kind: "superseded";
      readonly code: "DEVICE_SUPERSEDED";
      readonly device: number;
      readonly contactId?: undefined;
    }
  | { readonly kind: "former"; readonly device: number; readonly contactId?: undefined }
  | { readonly kind: "contact"; readonly contactId: string };

/** Somebody opened a backup of this vault with emergency shares. */
export interface EmergencyAccess {
  readonly id: string;
  /** By the clock of the device that opened it. */
  readonly beganAt: number;
  /** For how long it was opened; 0 if only its end became known. */
  readonly minutes: number;
  /** What was given as the reason. */
  readonly reason: string;
  /** `null` until the end is known. */
  readonly endedAt: number | null;
}

export interface SharesOptions {
  /** How many shares open a backup: at least 2. */
  readonly threshold: number;
  /** How many there are: at most 255. */
  readonly shares: number;
}

export interface EmergencyAccessOptions {
  readonly bundle: Uint8Array;
  /** As printed; case, spaces and hyphens do not matter. */
  readonly shares: readonly string[];
  /** Why; the owner reads it. 1 to 500 bytes of UTF-8. */
  readonly reason: string;
  /** For how long: 1 to 1440. */
  readonly minutes: number;
  /** The owner's own store, if available: the access is reported to the owner at the next unlock. It must not be open elsewhere. */
  readonly store?: Store;
  /** The owner's relay, through which the access is reported to the owner's portal. */
  readonly relay?: URL | string | RelayOptions | RelayClient;
}
