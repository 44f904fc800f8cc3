/** Typed events of a portal. */

import type { TesseraError } from "../errors.js";
import type {
  AuditCheckpoint,
  ClockSkew,
  Contact,
  DeviceNotice,
  EmergencyAccess,
  Gap,
  LockStatus,
  Message,
  Progress,
  Rejected,
  RelayNotice,
  RelayStatus,
  Stall,
  StorageStatus,
  WorkerNotice,
} from "./types.js";

export interface PortalEvents {
  /** A message arrived and its proof holds, or a held one was released. */
  message: CustomEvent<Message>;
  /** Something was refused; nothing of it is shown. */
  rejected: CustomEvent<Rejected>;
  /** Something is missing, or has arrived late. */
  gap: CustomEvent<Gap>;
  /** A contact is new or changed. */
  contact: CustomEvent<Contact>;
  /** An outgoing message changed its state. */
  state: CustomEvent<Message>;
  /** The filing of a message in the health record advanced or failed. */
  filing: CustomEvent<Message>;
  /** A pull goes on, or a message of several cells. */
  progress: CustomEvent<Progress>;
  /** The relay was reached after it could not be, or the other way round. */
  relay: CustomEvent<RelayStatus>;
  /** The device's clock and the relay's differ by more than five minutes, or agree again. */
  clockSkew: CustomEvent<ClockSkew>;
  /** The relay has published nothing new for several epochs although it answers, or does again. */
  stalled: CustomEvent<Stall>;
  /** Something is wrong with the relay or with a worker, or no longer is. */
  notice: CustomEvent<RelayNotice | WorkerNotice>;
  /** Two devices of one person are in use. */
  device: CustomEvent<DeviceNotice>;
  /** Somebody opened a backup of this vault with emergency shares. */
  breakGlass: CustomEvent<EmergencyAccess>;
  /** A vault was created, and the browser has said whether it keeps the store until the user clears it. Or the backup of the `backup` function failed, or is saved again. Or the store has no room for a change (`full`), or has again. */
  storage: CustomEvent<StorageStatus>;
  /** The vault was locked: the keys are wiped, and every call throws `LOCKED` until `unlock`. */
  locked: CustomEvent<LockStatus>;
  /** The vault was unlocked, by this page's code or by an element: what `locked` took off the page can be read again. */
  unlocked: CustomEvent<null>;
  /** The audit log was signed: at `p.audit.checkpoint()`, at an export, and once a day by the loop. Keep its text elsewhere. */
  checkpoint: CustomEvent<AuditCheckpoint>;
  /** The loop ended because the store failed or because of a defect: open the portal again. Or another portal took the vault over, whether the loop ran or not: `VAULT_IN_USE`. */
  stopped: CustomEvent<TesseraError>;
}

/** Any of them, as `portal.events()` yields it. */
export type PortalEvent = {
  [K in keyof PortalEvents]: PortalEvents[K] & { readonly type: K };
}[keyof PortalEvents];

type Listener<E> = ((event: E) => void) | { handleEvent(event: E): void };

/** `EventTarget` with the events of a portal. */
export interface PortalEventTarget {
  addEventListener<K extends keyof PortalEvents>(
    type: K,
    listener: Listener<PortalEvents[K]> | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof PortalEvents>(
    type: K,
    listener: Listener<PortalEvents[K]> | null,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}
