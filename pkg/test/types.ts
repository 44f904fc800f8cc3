/** Compiled, not run: the types that a customer's code meets. An error that does not come is an error. */

import {
  fromCommunication,
  readResult,
  resultText,
  toTransaction,
  type Phrase,
  type RecordMessage,
  type ResultDocument,
  type Transaction,
} from "tessera-portal/fhir";
import {
  CONFLICT,
  Portal,
  TesseraError,
  capabilities,
  destroyVault,
  httpRelay,
  indexedDbStore,
  init,
  isTesseraError,
  memoryStore,
  type EmergencySession,
  type Attachment,
  type Contact,
  type ErrorCode,
  type Gap,
  type Message,
  type OutgoingMessage,
  type RelayClient,
  type Store,
  type SyncResult,
} from "tessera-portal";
import {
  init as initSdk,
  BlindedSender,
  BlindedVerifier,
  SecureEncryption,
  Sender,
  Verifier,
  computeBucket,
  emergency,
  fingerprint,
  medcrypt,
} from "tessera-portal/sdk";
import { connectEhr, preparedCommunication, type EhrAnswer, type EhrChannel } from "tessera-portal/smart";
import { decodeQr } from "tessera-portal/scanner";

declare const bytes: Uint8Array;

export async function sdk(): Promise<void> {
  await init();
  await init({ wasm: new URL("https://cdn.example/core.wasm") });
  await initSdk({ wasm: "/assets/sdk.wasm" });
  const simd: boolean = capabilities().webAssembly;
  using sender = Sender.generate();
  // @ts-expect-error identities are made by generate() or fromSecret()
  new Sender();
  const verifier = new Verifier({ expectedPublicKey: sender.publicKey });
  const prover = new BlindedSender(sender, bytes, { sessionId: "visit-7421" });
  const checker = new BlindedVerifier(verifier, bytes, { sessionId: "visit-7421" });
  const proof: Uint8Array = prover.prove("text", { context: bytes });
  const holds: boolean = checker.verify(proof, prover.pseudonym(), "text", { context: bytes });
  const batch: boolean[] = BlindedVerifier.verifyBatch([
    { verifier: checker, proof, pseudonym: bytes, message: "text" },
  ]);
  // @ts-expect-error a batch item names its verifier
  BlindedVerifier.verifyBatch([{ proof, pseudonym: bytes, message: "text" }]);
  const sealed: Uint8Array = await SecureEncryption.encrypt(proof, "text", sender.publicKey);
  const opened: { proof: Uint8Array; message: Uint8Array } = await SecureEncryption.decrypt(sealed, sender);
  const bucket: number = computeBucket(fingerprint(sender.publicKey), 8);
  const { key, salt } = await medcrypt.deriveKey("secret", { iterations: 600_000 });
  const note: { text: string; patientId: string } = await medcrypt.decryptMessage(
    await medcrypt.encryptMessage("text", key, "alias"),
    key,
  );
  await medcrypt.encryptMessage("text", await medcrypt.monthKey("secret", "2026-03"), "alias");
  const whole: Uint8Array = emergency.combine(emergency.split(bytes, { threshold: 2, shares: 3 }));
  void [simd, holds, batch, opened, bucket, salt, note, whole];
}

export async function portal(store: Store, custom: RelayClient): Promise<void> {
  const url = new URL("https://relay.example");
  await Portal.open({ relay: url, store: memoryStore(), passphrase: "words", name: "A", create: true });
  await Portal.open({ relay: { url, accessToken: "token" }, store, passphrase: bytes, name: "A" });
  const p = await Portal.open({ relay: custom, store, passphrase: "words", name: "A" });
  // @ts-expect-error no store
  await Portal.open({ relay: url, passphrase: "words", name: "A" });
  const bundle: Uint8Array = await p.vault.backup();
  const restored: Portal = await Portal.restore(bundle, {
    relay: url,
    store,
    recoveryCode: await p.vault.createRecoveryCode(),
    newPassphrase: "words",
  });
  // @ts-expect-error no store
  await Portal.restore(bundle, { relay: url, passphrase: "words" });
  const shares: string[] = await restored.emergency.createShares({ threshold: 2, shares: 3 });
  const session: EmergencySession = await Portal.openEmergencyAccess({ bundle, shares, reason: "why", minutes: 30 });
  // @ts-expect-error it only reads
  session.send("id", { text: "no" });
  p.addEventListener("breakGlass", ({ detail }) => void detail.reason.length);
  p.addEventListener("device", ({ detail }) => {
    // @ts-expect-error not every notice is about a contact
    const contactId: string = detail.contactId;
    void contactId;
  });
  await Portal.open({
    relay: url,
    store,
    passkey: true,
    name: "A",
    idleMinutes: 10,
    receiptDelayMinutes: 60,
    expectVault: true,
    afterEviction: false,
  });
  const id: Uint8Array = await p.vault.addPasskey({ label: "Clinic" });
  await p.vault.removePasskey(id);
  p.vault.touch();
  await p.vault.lock();
  await p.vault.unlock(bytes);
  await p.vault.unlock({ passkey: true });
  // @ts-expect-error a passkey is used or not mentioned
  await p.vault.unlock({ passkey: false });
  await p.setDraft("contact", await p.draft("contact"));
  await p.setDraftSession("contact", await p.draftSession("contact"));
  await p.setDraftFiles("contact", [...(await p.draftFiles("contact")), new Blob([])]);
  p.addEventListener("locked", ({ detail }) => {
    const reason: "idle" | "manual" | "defect" = detail.reason;
    void reason;
  });
  p.addEventListener("unlocked", ({ detail }) => {
    const nothing: null = detail;
    void nothing;
  });
  await p.vault.destroy();
  await destroyVault(store, { takeOver: true });
  p.addEventListener("message", ({ detail }) => {
    const message: Message = detail;
    // @ts-expect-error a message may have no text
    const text: string = detail.text;
    void [message, text];
  });
  p.addEventListener("rejected", ({ detail: { code } }) => void (code satisfies ErrorCode));
  p.addEventListener(
    "relay",
    ({ detail: { reachable, queued } }) => void [reachable satisfies boolean, queued satisfies number],
  );
  const kept: Store = indexedDbStore("portal");
  await Portal.open({ relay: url, store: kept, passphrase: "words", name: "A", takeOver: true });
  // @ts-expect-error what releases the lock, or null
  const release: () => void = await kept.lock?.({ takeOver: false, onLost: () => {} });
  p.addEventListener("storage", ({ detail: { persisted } }) => void [persisted satisfies boolean | undefined, release]);
  p.addEventListener("stopped", ({ detail }) => void (detail satisfies TesseraError));
  p.addEventListener("gap", ({ detail }) => {
    const gap: Gap = detail;
    if (gap.kind === "sequence") void (gap.contactId satisfies string);
  });
  for (const { id, kind, expectsIdentity } of await p.invitations()) void [id, kind, expectsIdentity];
  const { uri, qrSvg, expiresAt } = await p.invite({ kind: "qr", expiresInSeconds: 900 });
  // @ts-expect-error no such kind
  await p.invite({ kind: "slow" });
  const contact: Contact = await p.accept(uri, { inPerson: true });
  const sent: OutgoingMessage = await p.send(contact.id, { text: "hello", session: "visit-7421" });
  await p.send(contact.id, {
    attachments: [{ contentType: "application/fhir+json", body: bytes, filename: "labs.json" }],
  });
  await p.send(contact.id, { text: "Both.", attachments: [new File(["a;b"], "labs.csv"), new Blob(["c"])] });
  // @ts-expect-error a file goes into attachments
  await p.send(contact.id, { contentType: "application/pdf", body: bytes });
  const result: SyncResult = await p.sync({
    flush: true,
    signal: AbortSignal.timeout(1000),
    onProgress: ({ batches, totalBatches }) => void (batches / totalBatches),
  });
  const [message] = await p.messages(contact.id, { before: sent.id, limit: 10 });
  const [file]: readonly Attachment[] = message?.attachments ?? [];
  const body: readonly (Uint8Array | Blob | undefined)[] = [
    await file?.body(),
    await file?.blob(),
    await message?.body(),
  ];
  await p.dispose();
  void [qrSvg, expiresAt, result, body, (await p.me()).fingerprintQrSvg];
}

export function rest(error: unknown, image: Blob): void {
  if (isTesseraError(error)) void [error.code satisfies ErrorCode, error.retryable satisfies boolean];
  // @ts-expect-error no such code
  new TesseraError("NO_SUCH_CODE", "m");
  void (CONFLICT satisfies "CONFLICT");
  void (httpRelay({ url: "https://relay.example" }) satisfies RelayClient);
  void (decodeQr(image) satisfies Promise<string | null>);
}

export function fhir(message: Message & { readonly direction: "in" }, bytes: Uint8Array): string {
  const document: ResultDocument = readResult(bytes, { lang: "es", patient: { name: "Ana Gómez" } });
  const titles: readonly Phrase[] = document.reports.map(({ title }) => title);
  const record: RecordMessage = { ...message, sender: bytes };
  const map = {
    subject: { reference: "Patient/1" },
    sender: { display: "Dr." },
    recipient: [{ reference: "Patient/1" }],
  };
  const transaction: Transaction = toTransaction(record, bytes, map, { secret: bytes });
  // @ts-expect-error: the secret is required
  toTransaction(record, bytes, map, {});
  // @ts-expect-error: somebody has to receive it
  toTransaction(record, bytes, { sender: map.sender }, { secret: bytes });
  const draft = fromCommunication({}, (recipient) => (recipient.reference ? { id: "c", state: "active" } : null));
  return `${titles.length} ${transaction.entry.length} ${draft.contactId} ${resultText(bytes)}`;
}

export async function webMessages(launch: object, click: MouseEvent): Promise<EhrAnswer | null> {
  const ehr: EhrChannel | null = connectEhr(launch);
  if (ehr === null) return null;
  const patient = { reference: "Patient/1" };
  const { accepted } = await ehr.prepare(
    preparedCommunication({ text: "x", subject: patient, recipient: patient }),
    click,
  );
  // @ts-expect-error: a body leaves with a click
  void (() => ehr.prepare(preparedCommunication({ text: "x", subject: patient, recipient: patient })));
  return accepted ? ehr.done({ signal: AbortSignal.timeout(1000) }) : null;
}
