/** Whatever a caller passes: a wrong value is refused by name, a right one of any realm is taken, and the portal goes on. */

import test, { after, before, describe } from "node:test";
import { runInNewContext } from "node:vm";
import {
  Portal,
  destroyVault,
  httpRelay,
  indexedDbStore,
  isTesseraError,
  memoryStore,
  verifyAuditExport,
  verifyEvidence,
  shareQrSvg,
} from "tessera-portal";
import {
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
import { fileStore } from "tessera-portal/node";
import { memoryRelay } from "tessera-portal/testing";
import { loadGiven } from "../dist/module/load.js";
import { PASSPHRASE, enrol, person, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, bytes, refused, utf8 } from "./support.mjs";

/** A buffer that was transferred to a worker: it reads as empty. */
function detached() {
  const array = bytes(32);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const HALF = "half of a pair: \ud83d";
/** Values that are not of a type, each made afresh. */
const WRONG = {
  text: [7, null, {}, ["a"], utf8("a"), HALF],
  optionalText: [7, {}, ["a"], utf8("a"), HALF],
  bytes: [7, null, {}, "text", [1, 2, 3], { length: 32 }, detached, () => detached().buffer],
  content: [7, null, {}, [1, 2, 3], HALF, detached],
  secret: [7, null, {}, [1, 2, 3], "", HALF, detached, () => new Uint8Array()],
  whole: [-1, 1.5, NaN, Infinity, 2 ** 53, "3", null, 7n],
  flag: [1, "yes", null, {}],
  callback: [1, "f", {}, null],
  signal: [1, "s", {}, null],
  options: [null, 7, "x", undefined],
  object: [null, 7, "x", true],
};
const made = (value) => (typeof value === "function" ? value() : value);

let relay, portal, other, contact, message;
before(async () => {
  relay = await startRelay();
  [portal, other] = [await person("A", relay.url), await person("B", relay.url)];
  [contact] = await enrol(portal, other);
  const { id } = await portal.send(contact, { text: "hello" });
  message = id;
});
after(async () => {
  await Promise.all([portal?.dispose(), other?.dispose()]);
  await relay?.end();
});

const opening = () => ({ relay: relay.url, store: memoryStore(), passphrase: PASSPHRASE, name: "A", create: true });
const emergencyOptions = () => ({ bundle: bytes(10), shares: ["x"], reason: "r", minutes: 1 });
const [sender, verifier] = [Sender.generate(), new Verifier({ expectedPublicKey: Sender.generate().publicKey })];
const session = { sessionId: "visit" };

/** Of every argument: what the error is to name it, its type, and a call with it. */
const ARGUMENTS = [
  ["options", "options", (v) => Portal.open(v)],
  ["relay", "object", (v) => Portal.open({ ...opening(), relay: v })],
  ["store", "object", (v) => Portal.open({ ...opening(), store: v })],
  ["passphrase", "secret", (v) => Portal.open({ ...opening(), passphrase: v })],
  ["passkey", "flag", (v) => Portal.open({ ...opening(), passkey: v })],
  ["name", "text", (v) => Portal.open({ ...opening(), name: v })],
  ["create", "flag", (v) => Portal.open({ ...opening(), create: v })],
  ["takeOver", "flag", (v) => Portal.open({ ...opening(), takeOver: v })],
  ["expectVault", "flag", (v) => Portal.open({ ...opening(), expectVault: v })],
  ["afterEviction", "flag", (v) => Portal.open({ ...opening(), afterEviction: v })],
  ["signal", "signal", (v) => Portal.open({ ...opening(), signal: v })],
  ["backup", "callback", (v) => Portal.open({ ...opening(), backup: v })],
  ["confirmLargeDownload", "callback", (v) => Portal.open({ ...opening(), confirmLargeDownload: v })],
  ["idleMinutes", "flag", (v) => Portal.open({ ...opening(), idleMinutes: v === 1 ? 0 : v })],
  ["receiptDelayMinutes", "whole", (v) => Portal.open({ ...opening(), receiptDelayMinutes: v })],
  ["options", "options", (v) => Portal.openReadOnly(v)],
  ["store", "object", (v) => Portal.openReadOnly({ store: v, passphrase: PASSPHRASE })],
  ["passphrase", "secret", (v) => Portal.openReadOnly({ store: memoryStore(), passphrase: v })],
  ["bundle", "bytes", (v) => Portal.restore(v, opening())],
  ["options", "options", (v) => Portal.restore(bytes(10), v)],
  [
    "recoveryCode",
    "text",
    (v) => Portal.restore(bytes(10), { relay: relay.url, store: memoryStore(), recoveryCode: v, newPassphrase: "x" }),
  ],
  [
    "newPassphrase",
    "secret",
    (v) => Portal.restore(bytes(10), { relay: relay.url, store: memoryStore(), passphrase: "x", newPassphrase: v }),
  ],
  ["bundle", "bytes", (v) => Portal.openEmergencyAccess({ ...emergencyOptions(), bundle: v })],
  ["shares", "object", (v) => Portal.openEmergencyAccess({ ...emergencyOptions(), shares: v })],
  ["share", "text", (v) => Portal.openEmergencyAccess({ ...emergencyOptions(), shares: [v] })],
  ["reason", "text", (v) => Portal.openEmergencyAccess({ ...emergencyOptions(), reason: v })],
  ["minutes", "whole", (v) => Portal.openEmergencyAccess({ ...emergencyOptions(), minutes: v })],
  ["takeOver", "flag", (v) => destroyVault(memoryStore(), { takeOver: v })],
  ["store", "object", (v) => destroyVault(v)],

  ["options", "options", (v) => portal.invite(v)],
  ["kind", "text", (v) => portal.invite({ kind: v })],
  ["expiresInSeconds", "whole", (v) => portal.invite({ kind: "qr", expiresInSeconds: v })],
  ["id", "text", (v) => portal.cancelInvitation(v)],
  ["uri", "text", (v) => portal.accept(v)],
  ["inPerson", "flag", (v) => portal.accept("tessera:/e30", { inPerson: v })],
  ["invitationId", "text", (v) => portal.expectIdentity(v, bytes(32))],
  ["fingerprint", "bytes", (v) => portal.expectIdentity("0000000000000000", v)],
  ["contactId", "text", (v) => portal.confirmSas(v)],
  ["contactId", "text", (v) => portal.rejectSas(v)],
  ["contactId", "text", (v) => portal.removeContact(v)],
  ["contactId", "text", (v) => portal.messages(v)],
  ["before", "text", (v) => portal.messages(contact, { before: v })],
  ["limit", "whole", (v) => portal.messages(contact, { limit: v })],
  ["contactId", "text", (v) => portal.send(v, { text: "x" })],
  ["message", "options", (v) => portal.send(contact, v)],
  ["text", "text", (v) => portal.send(contact, { text: v })],
  ["session", "text", (v) => portal.send(contact, { text: "x", session: v })],
  ["attachments", "flag", (v) => portal.send(contact, { attachments: v })],
  ["contentType", "text", (v) => portal.send(contact, { attachments: [{ contentType: v, body: bytes(3) }] })],
  ["body", "bytes", (v) => portal.send(contact, { attachments: [{ contentType: "a/b", body: v }] })],
  [
    "filename",
    "optionalText",
    (v) => portal.send(contact, { attachments: [{ contentType: "a/b", body: bytes(3), filename: v }] }),
  ],
  ["messageId", "text", (v) => portal.cancel(v)],
  ["messageId", "text", (v) => portal.deleteMessage(v)],
  ["messageId", "text", (v) => portal.evidence(v)],
  ["name", "text", (v) => portal.rename(v)],
  ["bytes", "whole", (v) => portal.estimate(v, "steady")],
  ["pace", "text", (v) => portal.estimate(3, v)],
  ["signal", "signal", (v) => portal.send(contact, { text: "x", signal: v })],
  ["evidence", "bytes", async (v) => verifyEvidence(v, bytes(3))],
  ["body", "bytes", async (v) => verifyEvidence(bytes(3), v)],
  ["contactId", "text", (v) => portal.markRead(v)],
  ["messageId", "text", (v) => portal.markRead(contact, v)],
  ["contactId", "text", (v) => portal.draft(v)],
  ["draft", "text", (v) => portal.setDraft(contact, v)],
  ["graceDays", "whole", (v) => portal.changeSettings({ graceDays: v })],
  ["retentionDays", "whole", (v) => portal.changeSettings({ retentionDays: v })],
  ["flush", "flag", (v) => portal.sync({ flush: v })],
  ["signal", "signal", (v) => portal.sync({ signal: v })],
  ["onProgress", "callback", (v) => portal.sync({ onProgress: v })],
  ["passphrase", "secret", (v) => portal.vault.unlock(v)],
  ["key", "object", (v) => portal.vault.setKey(v === null ? 7 : v)],
  ["old", "secret", (v) => portal.vault.changePassphrase(v, "x")],
  ["passphrase", "secret", (v) => portal.vault.changePassphrase(PASSPHRASE, v)],
  ["label", "text", (v) => portal.vault.addPasskey({ label: v })],
  ["id", "bytes", (v) => portal.vault.removePasskey(v)],
  ["threshold", "whole", (v) => portal.emergency.createShares({ threshold: v, shares: 3 })],
  ["shares", "whole", (v) => portal.emergency.createShares({ threshold: 2, shares: v })],
  ["before", "whole", (v) => portal.audit.entries({ before: v })],
  ["limit", "whole", (v) => portal.audit.entries({ limit: v })],
  ["checkpoint", "text", (v) => portal.audit.verify({ checkpoint: v })],
  ["format", "text", (v) => portal.audit.export(v)],

  ["exported", "content", (v) => verifyAuditExport(v)],
  ["checkpoint", "content", (v) => verifyAuditExport("x", { checkpoint: v })],
  ["secret", "bytes", (v) => Sender.fromSecret(v)],
  ["expectedPublicKey", "bytes", (v) => new Verifier({ expectedPublicKey: v })],
  ["sharedSeed", "bytes", (v) => new BlindedSender(sender, v, session)],
  ["sessionId", "text", (v) => new BlindedSender(sender, bytes(32), { sessionId: v })],
  ["message", "content", (v) => new BlindedSender(sender, bytes(32), session).prove(v)],
  ["context", "content", (v) => new BlindedSender(sender, bytes(32), session).prove("m", { context: v })],
  ["sharedSeed", "bytes", (v) => new BlindedVerifier(verifier, v, session)],
  ["message", "content", (v) => new BlindedVerifier(verifier, bytes(32), session).verify(bytes(64), bytes(32), v)],
  ["items", "object", (v) => BlindedVerifier.verifyBatch(v)],
  ["proof", "bytes", (v) => SecureEncryption.encrypt(v, "m", sender.publicKey)],
  ["message", "content", (v) => SecureEncryption.encrypt(bytes(64), v, sender.publicKey)],
  ["recipientPublicKey", "bytes", (v) => SecureEncryption.encrypt(bytes(64), "m", v)],
  ["publicKey", "bytes", (v) => fingerprint(v)],
  ["fingerprint", "bytes", (v) => computeBucket(v, 8)],
  ["bucketCount", "whole", (v) => computeBucket(bytes(32), v)],
  ["secret", "bytes", (v) => emergency.split(v, { threshold: 2, shares: 3 })],
  ["threshold", "whole", (v) => emergency.split(bytes(32), { threshold: v, shares: 3 })],
  ["secret", "content", (v) => medcrypt.monthKey(v, "2026-03")],
  ["month", "text", (v) => medcrypt.monthKey("s", v)],
  ["iterations", "whole", (v) => medcrypt.deriveKey("s", { iterations: v })],
  ["alias", "text", (v) => new medcrypt.Conversation("s", { alias: v })],
  [
    "context",
    "content",
    (v) => new BlindedVerifier(verifier, bytes(32), session).verify(bytes(64), bytes(32), "m", { context: v }),
  ],
  ["options", "options", (v) => new Verifier(v)],
  ["options", "options", (v) => new BlindedSender(sender, bytes(32), v)],
  ["options", "options", (v) => new BlindedVerifier(verifier, bytes(32), v)],
  ["sender", "object", (v) => new BlindedSender(v, bytes(32), session)],
  ["verifier", "object", (v) => new BlindedVerifier(v, bytes(32), session)],
  ["ciphertext", "bytes", (v) => SecureEncryption.decrypt(v, sender)],
  ["recipient", "object", (v) => SecureEncryption.decrypt(bytes(99), v)],
  ["options", "options", (v) => emergency.split(bytes(32), v)],
  ["shares", "object", (v) => emergency.combine(v)],
  ["y", "bytes", (v) => emergency.combine([{ x: 1, y: v }])],
  ["x", "whole", (v) => emergency.combine([{ x: v, y: bytes(32) }])],
  ["salt", "bytes", (v) => medcrypt.deriveKey("s", { salt: v })],
  ["text", "text", (v) => medcrypt.encryptMessage(v, bytes(32), "alias")],
  ["key", "bytes", (v) => medcrypt.encryptMessage("text", v, "alias")],
  ["patientId", "text", (v) => medcrypt.encryptMessage("text", bytes(32), v)],
  ["wire", "text", (v) => medcrypt.decryptMessage(v, bytes(32))],
  ["wire", "text", (v) => medcrypt.readAlias(v)],
  ["limit", "whole", (v) => new medcrypt.Conversation("s", { limit: v })],
  ["alias", "text", (v) => new medcrypt.Aliases().set("contact", v)],
  ["note", "text", (v) => new medcrypt.Conversation("s").seal(v)],
  ["share", "text", (v) => shareQrSvg(v)],
  ["relay", "options", (v) => httpRelay(v)],
  ["wasm", "object", (v) => loadGiven(v)],
  ["signal", "signal", (v) => portal.events({ signal: v })],
  ["options", "object", (v) => memoryRelay(v)],
  ["url", "text", (v) => memoryRelay({ url: v })],
  ["buckets", "whole", (v) => memoryRelay({ buckets: v })],
  ["epochSeconds", "whole", (v) => memoryRelay({ epochSeconds: v })],
  ["directory", "text", (v) => fileStore(v)],
  ["name", "text", (v) => indexedDbStore(v)],
  ["accessToken", "text", (v) => httpRelay({ url: relay.url, accessToken: v })],
];

describe("every argument of the surface refuses what is not of its type, by name", () => {
  for (const [at, [name, type, call]] of ARGUMENTS.entries()) {
    test(`${at}: ${name}, ${type}: ${String(call)
      .replace(/^\(v\) => /, "")
      .slice(0, 70)}`, async () => {
      for (const wrong of WRONG[type]) {
        const value = made(wrong);
        const what =
          typeof wrong === "function" ? String(wrong) : typeof wrong === "bigint" ? "bigint" : JSON.stringify(wrong);
        try {
          await call(value);
        } catch (error) {
          assert.ok(isTesseraError(error), `${what}: ${error}`);
          assert.equal(error.code, "INVALID_ARGUMENT", `${what}: ${error.message}`);
          assert.match(error.message, new RegExp(`\\b${name}\\b`), what);
          continue;
        }
        assert.fail(`${what} was taken`);
      }
    });
  }

  test("and the table has every method that takes an argument", () => {
    const calls = ARGUMENTS.map(([, , call]) => String(call)).join("\n");
    const owners = {
      portal,
      "portal.vault": portal.vault,
      "portal.audit": portal.audit,
      "portal.emergency": portal.emergency,
    };
    const missing = [];
    for (const [owner, object] of Object.entries(owners)) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object)))) {
        const takes = typeof value === "function" && /^(async )?\*? ?\w+\([^)]/.test(String(value));
        // `audit.stream` is what `audit.export` reads.
        if (takes && name !== "constructor" && name !== "stream" && !calls.includes(`${owner}.${name}(`))
          missing.push(`${owner}.${name}`);
      }
    }
    assert.deepEqual(missing, []);
  });

  test("and none of it has ended the portal", async () => {
    assert.equal((await portal.me()).name, "A");
    assert.equal((await portal.messages(contact)).length, 1);
  });
});

test("an option that is misspelt or of another version is refused by name, and one that is undefined is not there", async () => {
  const named = async (option, call) => {
    const { message } = await refused("INVALID_ARGUMENT", call);
    assert.match(message, new RegExp(`\\b${option}\\b`));
  };
  await named("hadVault", () => Portal.open({ ...opening(), hadVault: true }));
  await named("passfrase", () => Portal.openReadOnly({ store: memoryStore(), passfrase: "x" }));
  await named("token", () => Portal.open({ ...opening(), relay: { url: relay.url, token: "x" } }));
  await named("expires", () => portal.invite({ kind: "qr", expires: 3 }));
  await named("inperson", () => portal.accept("tessera:/e30", { inperson: true }));
  await named("offset", () => portal.messages(contact, { offset: 3 }));
  await named("fileName", () =>
    portal.send(contact, { attachments: [{ contentType: "a/b", body: bytes(3), fileName: "x" }] }),
  );
  await named("flushh", () => portal.sync({ flushh: true }));
  await named("title", () => portal.vault.addPasskey({ title: "x" }));
  const strange = { [`<${"x".repeat(99)}>`]: 1 };
  const { message } = await refused("INVALID_ARGUMENT", () => portal.sync(strange));
  assert.ok(!message.includes("xxx"), "a value that was passed is not repeated");
  assert.equal((await portal.messages(contact, { before: undefined, limit: 5 })).length, 1);
});

test("what would be left out of a message is refused, and nothing is sent", async () => {
  for (const [name, more] of Object.entries({ body: bytes(3), contentType: "text/plain", filename: "a.txt" })) {
    const { message } = await refused("INVALID_ARGUMENT", () => portal.send(contact, { text: "hello", [name]: more }));
    assert.match(message, new RegExp(`no option ${name}`));
  }
  for (const nothing of [{}, { attachments: [] }, { text: null }, { session: "visit-7421" }])
    assert.match(
      (await refused("INVALID_ARGUMENT", () => portal.send(contact, nothing))).message,
      /text and attachments/,
    );
  const file = { contentType: "a/b", body: bytes(1) };
  const { message } = await refused("INVALID_ARGUMENT", () =>
    portal.send(contact, { attachments: Array(101).fill(file) }),
  );
  assert.match(message, /attachments has more than 100/);
  assert.equal((await portal.messages(contact)).length, 1);
});

test("the second of two files is named in what is refused", async () => {
  const good = { contentType: "a/b", body: bytes(3), filename: "good.bin" };
  const named = async (more, pattern) => {
    const attachments = [good, { ...good, ...more }];
    const { message } = await refused("INVALID_ARGUMENT", () => portal.send(contact, { attachments }));
    assert.match(message, pattern);
  };
  await named({ contentType: "é" }, /attachments\[1\]\.contentType/);
  await named({ filename: "../x" }, /attachments\[1\]\.filename.*path/);
  await named({ filename: "x\u202efdp.exe" }, /attachments\[1\]\.filename.*direction/);
  await named({ filename: "x".repeat(256) }, /attachments\[1\]\.filename.*255/);
  await named({ body: "text" }, /attachments\[1\]\.body/);
  await named({ name: "x" }, /attachments\[1\] has no option name/);
  assert.equal((await portal.messages(contact)).length, 1);
});

test("files and blobs go with their names and types, and come as blobs", async () => {
  const name = `${"血液検査結果報告書二月".repeat(7)}.pdf`;
  const picked = new File(["%PDF"], `a\u200e/\u202e${name}`, { type: "application/pdf" });
  const sent = await portal.send(contact, {
    text: "See both.",
    attachments: [picked, new Blob([utf8("x")]), { contentType: "text/csv", body: new Blob(["a;b"]), filename: name }],
  });
  assert.equal(sent.text, "See both.");
  assert.deepEqual(
    sent.attachments.map(({ contentType, filename, size }) => [contentType, filename, size]),
    [
      ["application/pdf", `a_${name}`, 4],
      ["application/octet-stream", null, 1],
      ["text/csv", name, 3],
    ],
  );
  const blob = await sent.attachments[0].blob();
  assert.deepEqual([blob.type, await blob.text()], ["application/pdf", "%PDF"]);
  assert.deepEqual(await sent.attachments[2].body(), utf8("a;b"));
  for (const active of ["text/html", "image/svg+xml", "application/xhtml+xml;charset=utf-8"]) {
    const file = new File(["<script/>"], "x", { type: active });
    const { attachments, id } = await portal.send(contact, { attachments: [file] });
    assert.equal(attachments[0].contentType, active);
    assert.equal((await attachments[0].blob()).type, "application/octet-stream", "a page cannot run it by mistake");
    await portal.deleteMessage(id);
  }
  const gone = {
    arrayBuffer: async () => Promise.reject(new Error("gone")),
    size: 3,
    type: "",
    [Symbol.toStringTag]: "File",
  };
  assert.match(
    (await refused("INVALID_ARGUMENT", () => portal.send(contact, { attachments: [gone] }))).message,
    /attachments\[0\] cannot be read/,
  );
  await portal.deleteMessage(sent.id);
});

test("one message whose content is lost says so, and the others are shown", async () => {
  let lost = () => false;
  const kept = memoryStore();
  const store = { ...kept, get: async (key) => (lost(key) ? undefined : kept.get(key)) };
  const [a, b] = [await person("A", relay.url, { store }), await person("B", relay.url)];
  const [toB] = await enrol(a, b);
  const { id } = await a.send(toB, { text: "lost" });
  const file = await a.send(toB, { attachments: [new File(["x"], "lost.txt")] });
  await a.send(toB, { text: "kept" });
  const bodies = (await kept.list("b/")).entries.map(([key]) => key).toSorted();
  lost = (key) => bodies.slice(0, 2).includes(key);
  assert.deepEqual(
    (await a.messages(toB)).map(({ text, problem }) => [text, problem]),
    [
      [null, "damaged"],
      [null, null],
      ["kept", null],
    ],
  );
  const shown = (await a.messages(toB)).find((message) => message.id === file.id);
  await refused("VAULT_DAMAGED", () => shown.attachments[0].body());
  assert.equal((await a.cancel(id)).state, "cancelled");
  await Promise.all([a.dispose(), b.dispose()]);
});

test("what is too large is refused by name or by its own code", async () => {
  const long = "x".repeat(100_000);
  assert.match(
    (await refused("INVALID_ARGUMENT", () => portal.send(contact, { text: "x", session: long }))).message,
    /session/,
  );
  const body = bytes(3);
  assert.match(
    (await refused("INVALID_ARGUMENT", () => portal.send(contact, { attachments: [{ contentType: long, body }] })))
      .message,
    /contentType/,
  );
  assert.match(
    (
      await refused("INVALID_ARGUMENT", () =>
        portal.send(contact, { attachments: [{ contentType: "a/b", body, filename: long }] }),
      )
    ).message,
    /filename/,
  );
  await refused("MESSAGE_TOO_LARGE", () => portal.send(contact, { text: "x".repeat(40 * 2 ** 20) }));
  await refused("INVITATION_MALFORMED", () => portal.accept(`tessera:/${"A".repeat(2 ** 20)}`));
  await refused("CONTACT_UNKNOWN", () => portal.messages(long));
  await refused("MESSAGE_UNKNOWN", () => portal.cancel(long));
});

test("bytes of any realm, in any kind of buffer or view, are taken as they are", async () => {
  const of = (script) => runInNewContext(script);
  const all = [
    of("new Uint8Array([1, 2, 3, 4])"),
    of("new Uint8Array([1, 2, 3, 4]).buffer"),
    of("new DataView(new Uint8Array([0, 1, 2, 3, 4]).buffer, 1)"),
    new Uint16Array([0x0201, 0x0403]),
    Uint8Array.of(9, 1, 2, 3, 4, 9).subarray(1, 5),
    Uint8Array.of(1, 2, 3, 4).buffer,
    Buffer.from([1, 2, 3, 4]),
    new Uint8ClampedArray([1, 2, 3, 4]),
    (() => {
      const shared = new Uint8Array(new SharedArrayBuffer(4));
      shared.set([1, 2, 3, 4]);
      return shared;
    })(),
  ];
  for (const body of all) {
    const sent = await portal.send(contact, { attachments: [{ contentType: "application/octet-stream", body }] });
    assert.deepEqual([...(await sent.attachments[0].body())], [1, 2, 3, 4]);
    await portal.deleteMessage(sent.id);
  }
});

test("a text file is a file: of its own encoding, and never a typed text", async () => {
  const latin1 = Uint8Array.of(0x47, 0xf3, 0x6d, 0x65, 0x7a); // Gómez
  await portal.setDraft(contact, "still being written");
  const files = [
    { contentType: "text/csv", body: utf8("a,b\n"), filename: "labs.csv" },
    { contentType: "text/plain;charset=iso-8859-1", body: latin1 },
    { contentType: "text/plain", body: utf8("notes"), filename: "notes.txt" },
    { contentType: "text/plain", body: latin1 },
  ];
  for (const file of files) {
    const sent = await portal.send(contact, { attachments: [file] });
    assert.equal(sent.text, null, file.contentType);
  }
  assert.equal(await portal.draft(contact), "still being written");
  const [theirs] = await other.contacts();
  const arrived = await syncedUntil([portal, other], "the files", async () => {
    const found = await other.messages(theirs.id);
    return found.length === files.length + 1 && found;
  });
  const received = arrived.slice(-files.length);
  assert.deepEqual(
    received.map(({ text }) => text),
    files.map(() => null),
  );
  for (const [at, { body, contentType }] of files.entries()) {
    const [file] = received[at].attachments;
    assert.deepEqual([file.contentType, await file.body()], [contentType, body]);
  }
  assert.equal((await portal.messages(contact)).find(({ id }) => id === message).text, "hello");
});
