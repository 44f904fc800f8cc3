/** The arguments of the main entry, and of those beside it. */

import {
  EmergencySession,
  Portal,
  checkInvitation,
  destroyVault,
  httpRelay,
  indexedDbStore,
  memoryStore,
  shareQrSvg,
  verifyAuditExport,
  verifyEvidence,
} from "tessera-portal";
import { fileStore } from "tessera-portal/node";
import { decodeQr } from "tessera-portal/scanner";
import { memoryRelay } from "tessera-portal/testing";
import { openInWorker } from "tessera-portal/worker";
import { WasmModule } from "../dist/module/wasm-module.js";
import { within } from "./arguments-values.mjs";
import { PASSPHRASE } from "./people.mjs";
import { bytes } from "./support.mjs";

/** What the test opens before any of the calls is made. */
export const world = { relay: undefined, portal: undefined, contact: undefined, reader: undefined, session: undefined };

const at = () => ({ url: world.relay.url, accessToken: "token", mirror: other("mirror"), members: [other("member")] });
const other = (name) => ({ url: `https://${name}.invalid`, accessToken: "token" });
const opening = () => ({ relay: at(), store: memoryStore(), passphrase: PASSPHRASE, name: "A", create: true });
const access = () => ({ bundle: bytes(10), shares: ["x"], reason: "r", minutes: 1, relay: at() });
const restoring = () => ({ relay: at(), store: memoryStore(), passphrase: PASSPHRASE });
const subject = () => ({ who: { reference: "a/1" }, name: "A", patient: { reference: "b/1" } });
const exporting = () => ["fhir", { as: "batch", map: { owner: subject() } }];
const file = () => ({ contentType: "a/b", body: bytes(3), filename: "a.bin" });

const RELAY = {
  relay: "object",
  "relay.url": ["text", "relay"],
  "relay.accessToken": "token",
  "relay.mirror": ["text", "relay"],
  "relay.mirror.url": ["text", "relay"],
  "relay.mirror.accessToken": "token",
  "relay.members": "list",
  "relay.members[]": ["text", "relay"],
  "relay.members[].url": ["text", "relay"],
  "relay.members[].accessToken": "token",
};
const RUNNING = {
  pace: "text",
  backup: "callback",
  log: "callback",
  idleMinutes: "minutes",
  receiptDelayMinutes: "whole",
  reading: "text",
  lightQueries: "whole",
  confirmLargeDownload: "callback",
};
const OPENING = { passphrase: "secret", key: { type: "key", without: "passphrase" } };
const MESSAGES = { contactId: "text", options: "optional", "options.before": "text", "options.limit": "whole" };
const EMERGENCY = {
  options: "options",
  ...within("options", { ...RELAY, bundle: "bytes", shares: "list", "shares[]": ["text", "share"] }),
  ...within("options", { reason: "text", minutes: "whole", store: "object" }),
};
const SUBJECT = Object.fromEntries(
  ["who", "patient"].flatMap((of) => [
    [of, "optional"],
    ...["reference", "type", "display"].map((field) => [`${of}.${field}`, "text"]),
  ]),
);
const EXPORT = {
  format: "text",
  options: "optional",
  ...within("options", { as: "text", map: "optional", "map.owner": "optional", "map.contact": "callback" }),
  ...within("options.map.owner", { name: "text", ...SUBJECT }),
};

/**
 * Of every callable of the surface: the call, arguments that are right, and of each argument its type; or with it the word by which
 * the error names it, where that is not the last of its path, or an option that is left out because it excludes this one.
 */
export const PORTAL_CALLS = {
  "Portal.open": [
    Portal.open,
    () => [opening()],
    {
      options: "options",
      ...within("options", { ...RELAY, ...RUNNING, ...OPENING, store: "object", passkey: "flag", name: "text" }),
      ...within("options", { create: "flag", expectVault: "flag", afterEviction: "flag", takeOver: "flag" }),
      "options.signal": "signal",
    },
  ],
  "Portal.restore": [
    Portal.restore,
    () => [bytes(10), restoring()],
    {
      bundle: "bytes",
      options: "options",
      ...within("options", { ...RELAY, ...RUNNING, ...OPENING, store: "object", newPassphrase: "secret" }),
      "options.recoveryCode": "text",
    },
  ],
  "Portal.openReadOnly": [
    Portal.openReadOnly,
    () => [{ store: memoryStore(), passphrase: PASSPHRASE }],
    { options: "options", ...within("options", { ...OPENING, store: "object", passkey: "flag" }) },
  ],
  "Portal.openEmergencyAccess": [Portal.openEmergencyAccess, () => [access()], EMERGENCY],
  "EmergencySession.open": [EmergencySession.open, () => [access()], EMERGENCY],
  "EmergencySession#messages": [(...all) => world.session.messages(...all), () => [world.contact, {}], MESSAGES],
  "ReadOnlyPortal#messages": [(...all) => world.reader.messages(...all), () => [world.contact, {}], MESSAGES],
  "ReadOnlyPortal#draft": [(id) => world.reader.draft(id), () => [world.contact], { contactId: "text" }],
  "ReadOnlyPortal#draftSession": [(id) => world.reader.draftSession(id), () => [world.contact], { contactId: "text" }],
  "ReadOnlyPortal#draftFiles": [(id) => world.reader.draftFiles(id), () => [world.contact], { contactId: "text" }],
  "ReadOnlyPortal#evidence": [(id) => world.reader.evidence(id), () => ["m"], { messageId: "text" }],

  "Portal#invite": [
    (...all) => world.portal.invite(...all),
    () => [{ kind: "qr" }],
    { options: "options", "options.kind": "text", "options.expiresInSeconds": "whole" },
  ],
  "Portal#cancelInvitation": [(id) => world.portal.cancelInvitation(id), () => ["i"], { id: "text" }],
  "Portal#accept": [
    (...all) => world.portal.accept(...all),
    () => ["tessera:/e30", {}],
    { uri: "text", options: "optional", "options.inPerson": "flag" },
  ],
  "Portal#expectIdentity": [
    (...all) => world.portal.expectIdentity(...all),
    () => ["0000000000000000", bytes(32)],
    { invitationId: "text", fingerprint: "bytes" },
  ],
  "Portal#confirmSas": [(id) => world.portal.confirmSas(id), () => ["c"], { contactId: "text" }],
  "Portal#rejectSas": [(id) => world.portal.rejectSas(id), () => ["c"], { contactId: "text" }],
  "Portal#removeContact": [
    (...all) => world.portal.removeContact(...all),
    () => ["c", {}],
    { contactId: "text", options: "optional", "options.discardUnfiled": "flag" },
  ],
  "Portal#send": [
    (...all) => world.portal.send(...all),
    () => [world.contact, { text: "x", attachments: [file()] }],
    {
      contactId: "text",
      message: "options",
      ...within("message", {
        text: "optionalText",
        attachments: "optionalList",
        "attachments[]": ["object", "attachments"],
      }),
      ...within("message.attachments[]", { contentType: "text", body: "bytes", filename: "optionalText" }),
      ...within("message", { session: "text", pace: "text", signal: "signal" }),
    },
  ],
  "Portal#messages": [(...all) => world.portal.messages(...all), () => [world.contact, {}], MESSAGES],
  "Portal#cancel": [(id) => world.portal.cancel(id), () => ["m"], { messageId: "text" }],
  "Portal#markRead": [
    (...all) => world.portal.markRead(...all),
    () => [world.contact, "m"],
    { contactId: "text", messageId: "text" },
  ],
  "Portal#deleteMessage": [
    (...all) => world.portal.deleteMessage(...all),
    () => ["m", {}],
    { messageId: "text", options: "optional", "options.discardUnfiled": "flag" },
  ],
  "Portal#estimate": [(...all) => world.portal.estimate(...all), () => [3, "steady"], { bytes: "whole", pace: "text" }],
  "Portal#evidence": [(id) => world.portal.evidence(id), () => ["m"], { messageId: "text" }],
  "Portal#rename": [(name) => world.portal.rename(name), () => ["A"], { name: "text" }],
  "Portal#changeSettings": [
    (settings) => world.portal.changeSettings(settings),
    () => [{}],
    {
      settings: "options",
      ...within("settings", { graceDays: "whole", retentionDays: "whole", filing: "flag" }),
    },
  ],
  "Portal#draft": [(id) => world.portal.draft(id), () => [world.contact], { contactId: "text" }],
  "Portal#setDraft": [
    (...all) => world.portal.setDraft(...all),
    () => [world.contact, "x"],
    { contactId: "text", draft: "text" },
  ],
  "Portal#draftSession": [(id) => world.portal.draftSession(id), () => [world.contact], { contactId: "text" }],
  "Portal#setDraftSession": [
    (...all) => world.portal.setDraftSession(...all),
    () => [world.contact, "visit-7421"],
    { contactId: "text", session: "text" },
  ],
  "Portal#draftFiles": [(id) => world.portal.draftFiles(id), () => [world.contact], { contactId: "text" }],
  "Portal#setDraftFiles": [
    (...all) => world.portal.setDraftFiles(...all),
    () => [world.contact, [file()]],
    {
      contactId: "text",
      files: "list",
      "files[]": ["object", "files"],
      ...within("files[]", { contentType: "text", body: "bytes", filename: "optionalText" }),
    },
  ],
  "Portal#sync": [
    (options) => world.portal.sync(options),
    () => [{}],
    {
      options: "optional",
      "options.flush": "flag",
      "options.signal": "signal",
      "options.onProgress": "callback",
    },
  ],
  "Portal#events": [
    (options) => world.portal.events(options),
    () => [{}],
    { options: "optional", "options.signal": "signal" },
  ],
  "MessageFiling#started": [(id) => world.portal.filing.started(id), () => ["m"], { messageId: "text" }],
  "MessageFiling#filed": [
    (...all) => world.portal.filing.filed(...all),
    () => ["m", { id: "1", filedAs: "verified" }],
    {
      messageId: "text",
      filed: "options",
      ...within("filed", { id: "text", version: "optionalText", filedAs: "text" }),
    },
  ],
  "MessageFiling#failed": [
    (...all) => world.portal.filing.failed(...all),
    () => ["m", "RELAY_REFUSED"],
    { messageId: "text", code: "text" },
  ],
  "MessageFiling#unfiled": [
    (options) => world.portal.filing.unfiled(options),
    () => [{}],
    { options: "optional", "options.limit": "whole" },
  ],
  "PortalVault#destroy": [
    (options) => world.portal.vault.destroy(options),
    () => [{}],
    { options: "optional", "options.discardUnfiled": "flag" },
  ],
  "PortalVault#unlock": [
    (opener) => world.portal.vault.unlock(opener),
    () => [{}],
    { opening: ["secret", "passphrase"], "opening.passkey": "flag", "opening.key": "key" },
  ],
  "PortalVault#changePassphrase": [
    (...all) => world.portal.vault.changePassphrase(...all),
    () => [{ key: bytes(32) }, "x"],
    { old: "secret", "old.passkey": "flag", "old.key": "key", passphrase: "secret" },
  ],
  "PortalVault#setKey": [(key) => world.portal.vault.setKey(key), () => [bytes(32)], { key: "key" }],
  "PortalVault#addPasskey": [
    (options) => world.portal.vault.addPasskey(options),
    () => [{}],
    { options: "optional", "options.label": "text" },
  ],
  "PortalVault#removePasskey": [(id) => world.portal.vault.removePasskey(id), () => [bytes(3)], { id: "bytes" }],
  "AuditLog#entries": [
    (options) => world.portal.audit.entries(options),
    () => [{}],
    { options: "optional", "options.before": "whole", "options.limit": "whole" },
  ],
  "AuditLog#verify": [
    (options) => world.portal.audit.verify(options),
    () => [{}],
    { options: "optional", "options.checkpoint": "text" },
  ],
  "AuditLog#export": [(...all) => world.portal.audit.export(...all), exporting, EXPORT],
  "AuditLog#stream": [(...all) => world.portal.audit.stream(...all).next(), exporting, EXPORT],
  "EmergencyShares#createShares": [
    (options) => world.portal.emergency.createShares(options),
    () => [{ threshold: 2, shares: 3 }],
    { options: "options", "options.threshold": "whole", "options.shares": "whole" },
  ],

  init: [
    (options) => new WasmModule({}, {}).init(options),
    () => [{}],
    { options: "optional", "options.wasm": "object" },
  ],
  checkInvitation: [checkInvitation, () => ["x", at()], { uri: "text", ...RELAY }],
  verifyEvidence: [verifyEvidence, () => [bytes(3), bytes(3)], { evidence: "bytes", body: "bytes" }],
  verifyAuditExport: [
    verifyAuditExport,
    () => ["x", {}],
    { exported: "content", options: "optional", "options.checkpoint": "content" },
  ],
  shareQrSvg: [shareQrSvg, () => ["x"], { share: "text" }],
  destroyVault: [
    destroyVault,
    () => [memoryStore(), {}],
    { store: "object", options: "optional", "options.takeOver": "flag" },
  ],
  indexedDbStore: [indexedDbStore, () => ["x"], { name: "text" }],
  httpRelay: [
    httpRelay,
    () => [at()],
    {
      options: ["options", "relay"],
      ...within("options", { url: ["text", "relay"], accessToken: "token", mirror: ["text", "relay"] }),
      ...within("options.mirror", { url: ["text", "relay"], accessToken: "token" }),
      ...within("options", { members: "list", "members[]": ["text", "relay"] }),
      ...within("options.members[]", { url: ["text", "relay"], accessToken: "token" }),
    },
  ],
  memoryRelay: [
    memoryRelay,
    () => [{}],
    {
      options: "optional",
      ...within("options", { url: "text", buckets: "whole", epochSeconds: "whole", maxAttachmentBytes: "whole" }),
    },
  ],
  fileStore: [fileStore, () => ["x"], { directory: "text" }],
  decodeQr: [decodeQr, () => [{}], { image: "object" }],
  openInWorker: [
    openInWorker,
    () => [opening()],
    {
      options: "options",
      ...within("options", { store: "object", signal: "signal", log: "callback", worker: "object" }),
    },
  ],
};
