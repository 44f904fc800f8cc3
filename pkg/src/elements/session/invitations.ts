/** Invitations that this page made. Their secret is kept nowhere else: after a lock they are made again. */

import type { Invitation, Portal } from "../../index.js";
import { qrSvg } from "../../qr.js";

export interface OpenInvitation {
  readonly id: string;
  readonly kind: "qr" | "link";
  /** The page that opens it, with the secret in the fragment, which no server sees. */
  readonly link: string;
  readonly qrSvg: string;
  readonly expiresAt: number;
  /** Whether only one identity may answer, which was scanned from its screen. */
  readonly isExpecting: boolean;
}

export class Invitations {
  all: readonly OpenInvitation[] = [];

  add(invitation: Invitation, kind: "qr" | "link", page: string): OpenInvitation {
    const { id, uri, expiresAt } = invitation;
    const link = `${page}#${uri}`;
    const made: OpenInvitation = { id, kind, link, qrSvg: qrSvg(link), expiresAt, isExpecting: false };
    this.all = [made, ...this.all];
    return made;
  }

  async withdraw(portal: Portal, id: string): Promise<void> {
    await portal.cancelInvitation(id);
    this.drop(id);
  }

  expecting(id: string): void {
    this.all = this.all.map((other) => (other.id === id ? { ...other, isExpecting: true } : other));
  }

  drop(id: string): void {
    this.all = this.all.filter((other) => other.id !== id);
  }

  forget(): void {
    this.all = [];
  }
}
