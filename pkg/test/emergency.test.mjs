/** Emergency shares: opening a backup with them, and telling its owner. */

import test, { after, before, mock } from "node:test";
import { Portal, memoryStore, shareQrSvg } from "tessera-portal";
import { PASSPHRASE, enrol, person, record, syncedUntil } from "./people.mjs";
import { startRelay } from "../../tests/node/relay.mjs";
import { assert, refused } from "./support.mjs";

let relay;
let owner;
let contact;
let shares;
let bundle;
const store = memoryStore();
before(async () => {
  relay = await startRelay();
  owner = await person("Owner", relay.url, { store });
  const friend = await person("Friend", relay.url);
  const [toFriend, toOwner] = await enrol(owner, friend);
  contact = toFriend;
  await friend.send(toOwner, { text: "Allergic to penicillin." });
  await syncedUntil([owner, friend], "the message", async () => (await owner.messages(toFriend)).length === 1);
  shares = await owner.emergency.createShares({ threshold: 2, shares: 3 });
  bundle = await owner.vault.backup();
  await friend.dispose();
});
after(async () => {
  await owner?.dispose();
  await relay?.end();
});

const REASON = "unconscious at admission";
const recover = (options = {}) =>
  Portal.openEmergencyAccess({ bundle, shares: shares.slice(0, 2), reason: REASON, minutes: 30, ...options });

test("shares are printed once, of one set, with a QR code each", async () => {
  assert.equal(shares.length, 3);
  for (const share of shares) {
    assert.match(share, /^[A-Z2-7]{76}$/);
    assert.match(shareQrSvg(share), /^<svg [\s\S]*<\/svg>$/);
  }
  assert.equal(new Set(shares).size, 3);
  for (const options of [{ threshold: 1, shares: 3 }, { threshold: 4, shares: 3 }, { threshold: 2, shares: 256 }, {}]) {
    await refused("INVALID_ARGUMENT", () => owner.emergency.createShares(options));
  }
});

test("enough shares open a backup for reading, for a while", async () => {
  const typed = shares.slice(1).map((share) => share.toLowerCase().replace(/(.{4})/g, "$1 "));
  const session = await recover({ shares: typed });
  assert.equal(session.ownerTold, false);
  assert.ok(Math.abs(session.endsAt - Date.now() / 1000 - 1800) < 5);
  assert.equal((await session.me()).name, "Owner");
  const [{ id }] = await session.contacts();
  assert.equal(id, contact);
  const [message] = await session.messages(id);
  assert.equal(message.text, "Allergic to penicillin.");
  assert.equal(new TextDecoder().decode(await message.body()), message.text);
  for (const call of ["send", "sync", "start", "invite", "accept", "vault"])
    assert.equal(session[call], undefined, "it only reads");
  let ended = 0;
  session.addEventListener("ended", () => (ended += 1));
  await session.end();
  await session.end();
  assert.equal(ended, 1);
  for (const attempt of [
    () => session.me(),
    () => session.contacts(),
    () => session.messages(id),
    () => message.body(),
  ])
    await refused("EMERGENCY_ACCESS_ENDED", attempt);
});

test("it ends by itself", async () => {
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const session = await recover({ minutes: 1 });
  await session.me();
  mock.timers.tick(59_000);
  await session.me();
  mock.timers.tick(1_000);
  await refused("EMERGENCY_ACCESS_ENDED", () => session.me());
  mock.timers.reset();
});

test("what must be refused", async () => {
  const another = await owner.emergency.createShares({ threshold: 2, shares: 3 });
  const stranger = await person("Stranger", relay.url);
  const strange = await stranger.emergency.createShares({ threshold: 2, shares: 2 });
  await stranger.dispose();
  for (const bad of [
    [],
    shares.slice(0, 1),
    [shares[0], shares[0]],
    [shares[0], another[1]],
    strange,
    [shares[0], shares[1].slice(1)],
    [shares[0], shares[1].replace(/.$/, (c) => (c === "A" ? "I" : "A"))],
  ]) {
    await refused("SHARES_INVALID", () => recover({ shares: bad }));
  }
  for (const bad of [
    { reason: "" },
    { reason: "  \n" },
    { reason: "x".repeat(501) },
    { reason: undefined },
    { minutes: 0 },
    { minutes: 1441 },
    { minutes: 1.5 },
    { minutes: undefined },
    { shares: "text" },
    { shares: [7] },
    { bundle: "text" },
    { store: {} },
    { relay: 7 },
  ]) {
    await refused("INVALID_ARGUMENT", () => recover(bad));
  }
  await refused("BACKUP_MALFORMED", () => recover({ bundle: bundle.subarray(1) }));
  const altered = bundle.slice();
  altered[200] ^= 1;
  await refused("BACKUP_MALFORMED", () => recover({ bundle: altered }));
  await refused("VAULT_DAMAGED", () => recover({ store: memoryStore() }));
  await refused("RELAY_UNREACHABLE", () => recover({ relay: "http://127.0.0.1:9" }));
});

test("the owner is told through the relay", async () => {
  const events = record(owner, "breakGlass", "rejected");
  const session = await recover({ relay: relay.url });
  assert.equal(session.ownerTold, true);
  await syncedUntil([owner], "the beginning", async () => events.breakGlass.length === 1);
  await session.end();
  await syncedUntil([owner], "the end", async () => events.breakGlass.length === 2);
  const [began, ended] = events.breakGlass;
  assert.deepEqual([began.reason, began.minutes, began.endedAt], [REASON, 30, null]);
  assert.deepEqual(ended, { ...began, endedAt: ended.endedAt });
  assert.ok(ended.endedAt >= ended.beganAt && Math.abs(began.beganAt - Date.now() / 1000) < 60);
  assert.deepEqual(await owner.emergency.accesses(), [ended]);
  assert.deepEqual(events.rejected, []);
});

test("the owner is told by the store at the next unlock", async () => {
  await owner.dispose();
  const session = await recover({ store });
  await session.end();
  owner = await Portal.open({ relay: relay.url, store, passphrase: PASSPHRASE, name: "Owner" });
  const events = record(owner, "breakGlass");
  await owner.sync();
  assert.equal(events.breakGlass.length, 1);
  assert.equal(events.breakGlass[0].reason, REASON);
  assert.notEqual(events.breakGlass[0].endedAt, null);
  await owner.sync();
  assert.equal(events.breakGlass.length, 1, "once");
  assert.equal((await owner.emergency.accesses()).length, 2);
});
