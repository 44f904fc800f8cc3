/** Invitations and contacts of one portal, and who its own person is. */

import type { OpenInvitation } from "./engine.js";
import type { DiscardOptions } from "./filing.js";
import type { Runtime } from "./runtime.js";
import type { AcceptOptions, Contact, Invitation, InviteOptions, Me } from "./types.js";
import { bytes, flag, integer, options as known, text } from "../arguments.js";
import { invalid } from "../errors.js";
import { qrSvg } from "../qr.js";

export class People {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async invite(options: InviteOptions): Promise<Invitation> {
    const { kind, expiresInSeconds } = known(options, "options", ["kind", "expiresInSeconds"]);
    if (kind !== "qr" && kind !== "link") throw invalid('kind is neither "qr" nor "link"');
    const expires =
      expiresInSeconds === undefined ? undefined : integer(expiresInSeconds, "expiresInSeconds", 1, 2 ** 31);
    this.#runtime.lockController.used();
    await this.#runtime.driver.parameters();
    const made = await this.#runtime.host.apply((engine, now) => engine.invite(kind, expires, now));
    await this.#enrolling();
    return withQr(made);
  }

  async invitations(): Promise<Invitation[]> {
    return (await this.#runtime.forRead().readFirst((engine, now) => engine.openInvitations(now))).map(withQr);
  }

  async cancelInvitation(id: string): Promise<void> {
    const invitation = text(id, "id");
    await this.#runtime.forUser().apply((engine, now) => engine.cancelInvitation(invitation, now));
  }

  async accept(uri: string, options: AcceptOptions): Promise<Contact> {
    const invitation = text(uri, "uri");
    const inPerson = flag(known(options, "options", ["inPerson"]).inPerson, "inPerson");
    this.#runtime.lockController.used();
    await this.#runtime.driver.parameters();
    const contact = await this.#runtime.host.apply((engine, now) => engine.accept(invitation, inPerson, now));
    await this.#enrolling();
    return contact;
  }

  async me(): Promise<Me> {
    const { name, publicKey, fingerprint } = await this.#runtime.forRead().readFirst((engine) => engine.me());
    return { name, publicKey, fingerprint, fingerprintQrSvg: qrSvg(`tessera-fingerprint:${hex(fingerprint)}`) };
  }

  async rename(name: string): Promise<void> {
    const next = text(name, "name");
    await this.#runtime.forUser().apply((engine, now) => engine.rename(next, now));
  }

  async expectIdentity(invitationId: string, fingerprint: Uint8Array): Promise<void> {
    const [id, expected] = [text(invitationId, "invitationId"), bytes(fingerprint, "fingerprint", 32)];
    await this.#runtime.forUser().apply((engine, now) => engine.expectIdentity(id, expected, now));
  }

  async contacts(): Promise<Contact[]> {
    return this.#runtime.forRead().readFirst((engine) => engine.contacts());
  }

  async confirmSas(contactId: string): Promise<void> {
    const contact = text(contactId, "contactId");
    await this.#runtime.forUser().apply((engine, now) => engine.confirmSas(contact, now));
  }

  async rejectSas(contactId: string): Promise<void> {
    const contact = text(contactId, "contactId");
    await this.#runtime.forUser().apply((engine, now) => engine.rejectSas(contact, now));
  }

  async remove(contactId: string, options: DiscardOptions): Promise<void> {
    const contact = text(contactId, "contactId");
    const discard = flag(known(options, "options", ["discardUnfiled"]).discardUnfiled, "discardUnfiled");
    await this.#runtime.forUser().apply((engine, now) => engine.removeContact(contact, discard, now));
  }

  /** An enrolment through the lobby cannot wait for the next epoch. */
  async #enrolling(): Promise<void> {
    if (await this.#runtime.host.read((engine, now) => engine.lobbyWatch(now))) await this.#runtime.driver.enrolling();
  }
}

function withQr(invitation: OpenInvitation): Invitation {
  return { ...invitation, qrSvg: qrSvg(invitation.uri) };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
