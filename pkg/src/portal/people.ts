/** Invitations of one portal, made and answered, and who its own person is. */

import type { OpenInvitation } from "./engine.js";
import type { Runtime } from "./runtime.js";
import type { AcceptOptions, Contact, Invitation, InviteOptions, Me } from "./types.js";
import { flag, integer, options as known, text } from "../arguments.js";
import { hex } from "../bytes.js";
import { invalid } from "../errors.js";
import { qrSvg } from "../qr.js";

export async function invite(runtime: Runtime, options: InviteOptions): Promise<Invitation> {
  const { kind, expiresInSeconds } = known(options, "options", ["kind", "expiresInSeconds"]);
  if (kind !== "qr" && kind !== "link") throw invalid('kind is neither "qr" nor "link"');
  const expires =
    expiresInSeconds === undefined ? undefined : integer(expiresInSeconds, "expiresInSeconds", 1, 2 ** 31);
  runtime.lockController.used();
  await runtime.driver.parameters();
  const made = await runtime.host.apply((engine, now) => engine.invite(kind, expires, now));
  await enrolling(runtime);
  return withQr(made);
}

export async function accept(runtime: Runtime, uri: string, options: AcceptOptions): Promise<Contact> {
  const invitation = text(uri, "uri");
  const inPerson = flag(known(options, "options", ["inPerson"]).inPerson, "inPerson");
  runtime.lockController.used();
  await runtime.driver.parameters();
  const contact = await runtime.host.apply((engine, now) => engine.accept(invitation, inPerson, now));
  await enrolling(runtime);
  return contact;
}

/** An enrolment through the lobby cannot wait for the next epoch. */
async function enrolling({ host, driver }: Runtime): Promise<void> {
  if (await host.read((engine, now) => engine.lobbyWatch(now))) await driver.enrolling();
}

export function withQr(invitation: OpenInvitation): Invitation {
  return { ...invitation, qrSvg: qrSvg(invitation.uri) };
}

export async function me(runtime: Runtime): Promise<Me> {
  const { name, publicKey, fingerprint } = await runtime.forRead().readFirst((engine) => engine.me());
  return { name, publicKey, fingerprint, fingerprintQrSvg: qrSvg(`tessera-fingerprint:${hex(fingerprint)}`) };
}
