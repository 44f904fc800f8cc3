/** Whatever a caller passes: a wrong value is refused by name, a right one of any realm is taken, and the portal goes on. */

import test, { after, before } from "node:test";
import { runInNewContext } from "node:vm";
import { Portal, memoryStore } from "tessera-portal";
import { PASSPHRASE, enrol, person, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, bytes, refused, utf8 } from "./support.mjs";

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
