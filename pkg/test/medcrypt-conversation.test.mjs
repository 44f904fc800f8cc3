import test from "node:test";
import { medcrypt } from "tessera-portal/sdk";
import { assert, refused } from "./support.mjs";

const { Aliases, Conversation, KeyRing, newAlias, readAlias } = medcrypt;
const SECRET = "dr-garcia and a patient: from the QR code";
const at = (text) => Date.parse(text) / 1000;

/** A clock that a test sets. */
function clock(text) {
  const read = () => read.now;
  read.set = (text) => (read.now = at(text));
  read.set(text);
  return read;
}

/** Two people with the same secret and alias. */
function pair(options = {}) {
  const [physician] = [new Conversation(SECRET, options)];
  return [physician, new Conversation(SECRET, { ...options, alias: physician.alias })];
}

function shuffled(items) {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

test("this month's key seals; the month before opens for seven days, to the second", async () => {
  const now = clock("2026-10-31T23:59:59Z");
  const [sender, reader] = [new KeyRing(SECRET, now), new KeyRing(SECRET, now)];
  const october = await sender.seal("sealed in October", "a");
  assert.deepEqual(await reader.open(october), { text: "sealed in October", patientId: "a", month: "2026-10" });
  now.set("2026-11-07T23:59:59Z");
  assert.equal((await reader.open(october)).month, "2026-10");
  const november = await sender.seal("sealed in November", "a");
  assert.deepEqual(await medcrypt.decryptMessage(november, await medcrypt.monthKey(SECRET, "2026-11")), {
    text: "sealed in November",
    patientId: "a",
  });
  now.set("2026-11-08T00:00:00Z");
  await refused("NOT_AUTHENTIC", () => reader.open(october));
  assert.equal((await reader.open(november)).text, "sealed in November");
  // A clock that is behind does not know the month to come.
  now.set("2026-10-31T23:59:59Z");
  await refused("NOT_AUTHENTIC", () => reader.open(november));
  now.set("2027-01-03T00:00:00Z");
  const january = await sender.seal("over the year's end", "a");
  now.set("2026-12-31T12:00:00Z");
  await refused("NOT_AUTHENTIC", () => reader.open(january));
  const december = await sender.seal("of the old year", "a");
  now.set("2027-01-03T00:00:00Z");
  assert.equal((await reader.open(december)).month, "2026-12");
});

test("a ring derives each key once, and nothing after it was disposed of", async () => {
  const now = clock("2026-11-20T12:00:00Z");
  const ring = new KeyRing(new TextEncoder().encode(SECRET), now);
  const derivations = [];
  const { deriveBits } = crypto.subtle;
  crypto.subtle.deriveBits = function (...parameters) {
    derivations.push(parameters);
    return deriveBits.apply(this, parameters);
  };
  try {
    const wires = await Promise.all(["a", "b", "c"].map((text) => ring.seal(text, "alias")));
    for (const wire of wires) await ring.open(wire);
    await refused("NOT_AUTHENTIC", () => ring.open(wires[0].replace("YWxpYXM=", "YWxpYXQ=")));
    assert.equal(derivations.length, 1);
  } finally {
    crypto.subtle.deriveBits = deriveBits;
  }
  ring.dispose();
  ring.dispose();
  await refused("DISPOSED", () => ring.seal("text", "alias"));
  await refused("DISPOSED", () => ring.open("[MEDCRYPT]"));
});

test("without an alias of one's own, the messenger sees a random one", async () => {
  const [first, second] = [new Conversation(SECRET), new Conversation(SECRET)];
  assert.notEqual(first.alias, second.alias);
  assert.match(first.alias, /^[a-z2-7]{16}$/);
  const [wire] = await first.seal("Dx: M05.79");
  assert.equal(readAlias(wire), first.alias);
  await refused("NOT_AUTHENTIC", () => second.open(wire)); // of another conversation
  const reader = new Conversation(SECRET, { alias: readAlias(wire) });
  assert.equal((await reader.open(wire)).text, "Dx: M05.79");
  await refused("MALFORMED", () => readAlias("hello"));
  const seen = new Set(Array.from({ length: 1000 }, newAlias));
  assert.equal(seen.size, 1000);
  assert.equal(new Set(Array.from(seen, (alias) => [...alias]).flat()).size, 32);
});

test("aliases are kept both ways, and none stands for two", async () => {
  const aliases = new Aliases();
  const alias = aliases.aliasOf("PAT-12345");
  assert.equal(aliases.aliasOf("PAT-12345"), alias);
  assert.equal(aliases.contactOf(alias), "PAT-12345");
  const again = Aliases.from(JSON.parse(JSON.stringify(aliases)));
  assert.equal(again.aliasOf("PAT-12345"), alias);
  again.set("PAT-777", "given by the other side");
  await refused("INVALID_ARGUMENT", () => again.set("PAT-12345", "given by the other side"));
  await refused("INVALID_ARGUMENT", () => again.set("PAT-1", ""));
  await refused("INVALID_ARGUMENT", () => Aliases.from({ "PAT-1": "x", "PAT-2": "x" }));
  await refused("INVALID_ARGUMENT", () => Aliases.from({ "PAT-1": 7 }));
  again.set("PAT-777", "a newer one");
  assert.equal(again.contactOf("given by the other side"), undefined);
  again.delete("PAT-777");
  assert.deepEqual(again.toJSON(), { "PAT-12345": alias });
});

test("a note that fits is one text, as any other MedCrypt v1 writes it", async () => {
  const [physician, patient] = pair();
  const key = await medcrypt.monthKey(SECRET, new Date().toISOString().slice(0, 7));
  for (const note of ["", "Labs: FR 128 UI/mL", "x".repeat(3008), "ñ".repeat(1504)]) {
    const [wire, ...more] = await physician.seal(note);
    assert.deepEqual(more, []);
    assert.ok(wire.length <= 4096);
    assert.deepEqual(await medcrypt.decryptMessage(wire, key), { text: note, patientId: physician.alias });
    assert.equal((await patient.open(wire)).text, note);
  }
});

test("a long note arrives whole from parts in any order, each a text of its own", async () => {
  const [physician, patient] = pair();
  const key = await medcrypt.monthKey(SECRET, new Date().toISOString().slice(0, 7));
  for (const note of [
    "x".repeat(3010),
    "🩺ñ line\n".repeat(2_000),
    `${"y".repeat(5_000)}\n[part 1/2 of 0123456789abcdef]\n`,
  ]) {
    const wires = await physician.seal(note);
    assert.ok(wires.length > 1 && wires.every((wire) => wire.length <= 4096));
    const opened = await Promise.all(wires.map((wire) => medcrypt.decryptMessage(wire, key)));
    for (const [i, { text }] of opened.entries()) {
      assert.match(text, new RegExp(`^\\[part ${i + 1}/${wires.length} of [0-9a-f]{16}\\]\\n`));
    }
    const whole = [];
    for (const [i, wire] of shuffled(wires).entries()) {
      const { text, missing } = await patient.open(wire);
      assert.equal(missing.length, wires.length - 1 - i);
      if (text === undefined) assert.deepEqual(patient.unfinished, [{ of: wires.length, missing: [...missing] }]);
      else whole.push(text);
    }
    assert.deepEqual(whole, [note]);
    assert.deepEqual(patient.unfinished, []);
    for (const wire of wires) assert.deepEqual((await patient.open(wire)).text, undefined, "a copy gives nothing");
  }
});

test("parts of several notes and whole notes may be mixed; what is missing is said", async () => {
  const [physician, patient] = pair();
  const notes = ["a".repeat(7_000), "b".repeat(10_000), "c".repeat(4_000)];
  const sealed = await Promise.all(notes.map((note) => physician.seal(note)));
  const [lost, ...kept] = sealed[1];
  const mixed = shuffled([...sealed[0], ...sealed[0], ...kept, ...sealed[2], ...(await physician.seal("in between"))]);
  const got = [];
  for (const wire of mixed) {
    const { text } = await patient.open(wire);
    if (text !== undefined) got.push(text);
  }
  assert.deepEqual(got.sort(), [notes[0], notes[2], "in between"].sort());
  assert.deepEqual(patient.unfinished, [{ of: 4, missing: [1] }]);
  assert.equal((await patient.open(lost)).text, notes[1]);
});

test("a text that only begins like a part stays what it is", async () => {
  const [physician, patient] = pair();
  const like = "[part 1/2 of 0123456789abcdef]\nwritten by a person";
  const wires = await physician.seal(like);
  assert.equal(wires.length, 1);
  assert.equal((await patient.open(wires[0])).text, like);
  const ring = new KeyRing(SECRET);
  for (const text of [
    "[part 3/2 of 0123456789abcdef]\n",
    "[part 0/2 of 0123456789abcdef]\n",
    "[part 1/2 of 0123456789ABCDEF]\n",
    "[part 1/2 of 0123456789abcdef] ",
    "[part 1/100 of 0123456789abcdef]\n",
    " [part 1/2 of 0123456789abcdef]\n",
  ]) {
    assert.equal((await patient.open(await ring.seal(text, patient.alias))).text, text);
  }
});

test("parts that contradict each other drop the note, and the rest of it begins nothing", async () => {
  const ring = new KeyRing(SECRET);
  const patient = new Conversation(SECRET, { alias: "a" });
  const part = async (marker, text) => ring.seal(`[part ${marker} of 00000000000000aa]\n${text}`, "a");
  assert.deepEqual((await patient.open(await part("1/3", "one"))).missing, [2, 3]);
  assert.deepEqual((await patient.open(await part("1/3", "one"))).missing, [2, 3], "the same again");
  await refused("FRAGMENT_CONFLICT", async () => patient.open(await part("1/3", "another")));
  for (const marker of ["2/3", "3/3"]) assert.equal((await patient.open(await part(marker, "late"))).text, undefined);
  assert.deepEqual(patient.unfinished, []);
  const other = async (marker) => ring.seal(`[part ${marker} of 00000000000000bb]\nx`, "a");
  await patient.open(await other("1/3"));
  await refused("FRAGMENT_CONFLICT", async () => patient.open(await other("2/4")));
});

test("a flood of beginnings keeps eight notes unfinished", async () => {
  const ring = new KeyRing(SECRET);
  const patient = new Conversation(SECRET, { alias: "a" });
  for (let i = 0; i < 20; i++)
    await patient.open(await ring.seal(`[part 1/${i + 2} of 00000000000000${String(i).padStart(2, "0")}]\nx`, "a"));
  assert.deepEqual(
    patient.unfinished.map(({ of }) => of),
    [14, 15, 16, 17, 18, 19, 20, 21],
  );
});

test("what is not exactly a MedCrypt v1 text is refused, and so is misuse", async () => {
  const [physician, patient] = pair();
  const [wire] = await physician.seal("text");
  for (const bad of [
    "",
    "hello",
    ` ${wire}`,
    `${wire}\n`,
    `${wire}${wire}`,
    wire.replace(":v1:", ":v2:"),
    wire.toLowerCase(),
    wire.slice(0, -1),
    `[MEDCRYPT:v1:${"A".repeat(70_000)}]`,
  ]) {
    await refused("MALFORMED", () => patient.open(bad));
  }
  await refused("NOT_AUTHENTIC", () => new Conversation("another secret", { alias: physician.alias }).open(wire));
  await refused("INVALID_ARGUMENT", () => patient.open(7));
  await refused("INVALID_ARGUMENT", () => physician.seal(7));
  for (const options of [
    { alias: "" },
    { alias: 7 },
    { limit: 255 },
    { limit: 65_537 },
    { limit: 256, alias: "x".repeat(200) },
    null,
  ]) {
    await refused("INVALID_ARGUMENT", () => new Conversation(SECRET, options));
  }
  await refused("INVALID_ARGUMENT", () => new Conversation(7));
  await refused("MESSAGE_TOO_LARGE", () => physician.seal("x".repeat(99 * 3_009)));
  physician.dispose();
  await refused("DISPOSED", () => physician.seal("text"));
});
