// The surface that hosts build on: entries, calls, options, fields and events, by name. A name that goes breaks their code.

import { readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { Portal, memoryStore } from "tessera-portal";
import { memoryRelay } from "tessera-portal/testing";
import { PASSPHRASE, enrol, syncedUntil } from "./people.mjs";
import { surface } from "./surface.mjs";
import { assert, utf8 } from "./support.mjs";

const ENTRIES = [
  ".",
  "./sdk",
  "./worker",
  "./inline",
  "./elements",
  "./react",
  "./fhir",
  "./node",
  "./testing",
  "./scanner",
  "./core.wasm",
  "./sdk.wasm",
  "./integrity.json",
];

/** Of calls: the options that they take, or none to be named. */
const CALLS = {
  "Portal.open":
    "relay relay.url relay.accessToken store create name passphrase passkey key pace idleMinutes backup signal log",
  "Portal.openReadOnly": "store passphrase passkey key",
  "Portal.restore": "relay store passphrase key recoveryCode newPassphrase",
  "Portal.openEmergencyAccess": "bundle shares reason minutes store relay",
  "Portal#invite": "kind expiresInSeconds",
  "Portal#accept": "inPerson",
  "Portal#send":
    "text attachments attachments[].contentType attachments[].body attachments[].filename session pace signal",
  "Portal#messages": "before limit",
  "Portal#sync": "flush signal onProgress",
  "Portal#events": "signal",
  "AuditLog#export": "as map",
  "PortalVault#addPasskey": "label",
  "EmergencyShares#createShares": "threshold shares",
  openInWorker: "relay store passphrase worker wasm",
};

const METHODS = {
  portal:
    "cancelInvitation expectIdentity contacts confirmSas rejectSas removeContact cancel markRead deleteMessage limits estimate evidence rename transfers settings changeSettings draft setDraft device me start stop dispose",
  vault:
    "lock unlock touch changePassphrase setKey addPasskey removePasskey passkeys createRecoveryCode removeRecoveryCode hasRecoveryCode backup destroy",
  audit: "entries verify checkpoint export stream",
  emergency: "createShares accesses",
};

const EVENTS =
  "message state contact rejected gap relay notice progress device breakGlass locked unlocked storage checkpoint stopped clockSkew stalled";

const words = (text) => text.split(" ");
let ana, ben, toBen, toAna;
before(async () => {
  const relay = memoryRelay();
  const open = (name) => Portal.open({ relay, store: memoryStore(), passphrase: PASSPHRASE, name, create: true });
  [ana, ben] = [await open("Ana"), await open("Ben")];
  [toBen, toAna] = await enrol(ana, ben);
});
after(() => Promise.all([ana?.dispose(), ben?.dispose()]));

test("entries", () => {
  const { exports } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  assert.deepEqual(
    ENTRIES.filter((entry) => !(entry in exports)),
    [],
  );
});

test("calls and their options", () => {
  const declared = surface();
  const missing = Object.entries(CALLS).flatMap(([name, options]) => {
    const paths = declared.get(name)?.at(-1).paths ?? [];
    return words(options).flatMap((option) =>
      paths.some((path) => path.endsWith(`.${option}`)) ? [] : [`${name} ${option}`],
    );
  });
  assert.deepEqual(missing, []);
});

test("methods of a portal and of its parts", () => {
  const { portal, ...parts } = METHODS;
  const missing = words(portal).filter((name) => typeof ana[name] !== "function");
  for (const [part, names] of Object.entries(parts))
    missing.push(...words(names).filter((name) => typeof ana[part][name] !== "function"));
  assert.deepEqual(missing, []);
});

test("events are declared, and come to listeners and to `for await` alike", async () => {
  const source = readFileSync(new URL("../dist/portal/events.d.ts", import.meta.url), "utf8");
  const [, table] = /interface PortalEvents \{([\s\S]*?)\n\}/.exec(source);
  const declared = [...table.matchAll(/^ {4}(\w+): CustomEvent/gm)].map(([, name]) => name);
  assert.deepEqual(
    words(EVENTS).filter((name) => !declared.includes(name)),
    [],
  );
  const controller = new AbortController();
  const [heard, read] = [[], []];
  for (const name of declared) ben.addEventListener(name, ({ type }) => heard.push(type));
  const reading = (async () => {
    for await (const { type } of ben.events({ signal: controller.signal })) read.push(type);
  })();
  await ana.send(toBen, { text: "once" });
  await syncedUntil([ana, ben], "the message", async () => heard.includes("message"));
  controller.abort();
  await reading;
  assert.deepEqual(read, heard);
});

test("fields of a message and of an attachment, on both sides", async () => {
  const file = { contentType: "text/csv", body: utf8("a,b\n"), filename: "labs.csv" };
  const sent = await ana.send(toBen, { text: "with a file", attachments: [file], session: "visit-7421" });
  const arrived = await syncedUntil([ana, ben], "the file", async () =>
    (await ben.messages(toAna)).find(({ attachments }) => attachments.length > 0),
  );
  const fields = words("id direction text attachments sentAt receivedAt session state read");
  for (const message of [sent, arrived]) {
    assert.deepEqual(
      fields.filter((name) => message[name] === undefined),
      [],
    );
    const [attachment] = message.attachments;
    assert.deepEqual([attachment.contentType, attachment.filename, attachment.size], ["text/csv", "labs.csv", 4]);
    assert.deepEqual(await attachment.body(), file.body);
    const blob = await attachment.blob();
    assert.deepEqual([blob.type, blob.size], ["text/csv", 4]);
  }
  assert.equal(typeof sent.leavesBy, "number");
  assert.deepEqual([sent.state, sent.direction, sent.read], ["queued", "out", true]);
  assert.deepEqual([arrived.state, arrived.direction, arrived.read], ["verified", "in", false]);
  assert.deepEqual(Object.keys(await ana.limits()).toSorted(), ["cellsPerBucket", "epochSeconds", "maxMessageBytes"]);
  assert.deepEqual(Object.keys(await ana.estimate(4, "prompt")).toSorted(), ["cells", "seconds"]);
});
