/** Invitations and contacts. Times are Unix seconds; binary values are `Uint8Array`. */

import type { ErrorCode } from "../../errors.js";

export interface InviteOptions {
  /** `qr`: a QR code at the visit, valid for at most 24 h and the retention of the relay's lobby. `link`: a link, valid for at most the retention that is set. */
  readonly kind: "qr" | "link";
  readonly expiresInSeconds?: number;
}

export interface Invitation {
  readonly id: string;
  readonly kind: "qr" | "link";
  /** `tessera:/…`; put it in the fragment of a link. Anyone who reads it can answer: hand it over as you would a key. */
  readonly uri: string;
  /** The same as a QR code. */
  readonly qrSvg: string;
  readonly expiresAt: number;
  /** Whether only one identity may answer, which `expectIdentity` named. */
  readonly expectsIdentity: boolean;
}

export interface AcceptOptions {
  /** The invitation came from the inviter's own hand: no digits need to be compared on this side. */
  readonly inPerson?: boolean;
}

export interface Me {
  readonly name: string;
  /** 64 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly fingerprint: Uint8Array;
  /** `tessera-fingerprint:` and 64 hex digits, for the inviter to scan from this screen. */
  readonly fingerprintQrSvg: string;
}

export interface Contact {
  readonly id: string;
  /** What the contact calls itself; empty until known. */
  readonly name: string;
  readonly fingerprint: Uint8Array | null;
  /** Content flows with `active` contacts only; what a `pending` one sends is held. */
  readonly state: "pending" | "active" | "suspect";
  /** How the contact was checked. */
  readonly verified: "digits" | "expected" | null;
  /** Six digits for both people to compare, while they are to be compared. */
  readonly sas: string | null;
  /** Why the contact is suspect or stays pending. */
  readonly reason: ErrorCode | null;
  /** The newest device that the contact has written from; 0 is its first. */
  readonly device: number;
}
