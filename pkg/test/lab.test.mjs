// The laboratory's sender: a real process with a real relay, killed at every step.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { resultText } from "tessera-portal/fhir";
import { startRelay } from "../../tests/node/relay.mjs";
import { until } from "../../tests/node/until.mjs";
import { person } from "./people.mjs";
import { assert, utf8 } from "./support.mjs";

const CLI = fileURLToPath(new URL("../dist/lab/cli.js", import.meta.url));
const DYING = new URL("dying.mjs", import.meta.url).href;
const RESULT = await readFile(new URL("../../tests/data/fhir/cases/hl7-Bundle-lipids.json", import.meta.url));
const HL7 = "MSH|^~\\&|LAB|WEST|||20260501||ORU^R01|1|P|2.5.1\rPID|1||7||Gómez^Ana\rOBX|1|NM|CREA||2.0|mg/dL|||HH||F\r";

let relay, clinic, root, store, folder, key, lab;
before(async () => {
  // Results of several cells leave in one slot.
  relay = await startRelay({ "cells-per-bucket": 8 });
  clinic = await person("Dr. Rivera", relay.url);
  root = await mkdtemp(join(tmpdir(), "tessera-lab-"));
  [store, key] = [join(root, "store"), join(root, "key")];
  await writeFile(key, randomBytes(32), { mode: 0o600 });
  const { out } = await tessera(["init", "--name", "Lab West"]);
  const { uri } = await clinic.invite({ kind: "link" });
  // The clinic knows the laboratory's fingerprint, so that nobody compares digits.
  const pending = tessera(["accept", "--in-person"], { input: uri });
  await until(
    "the laboratory to be a contact",
    async () => (await clinic.contacts())[0]?.sas,
    () => clinic.sync({ flush: true }),
  );
  const [contact] = await clinic.contacts();
  assert.equal(Buffer.from(contact.fingerprint).toString("hex"), out.trim());
  await clinic.confirmSas(contact.id);
  let accepted = false;
  void pending.then(() => (accepted = true));
  await until(
    "the invitation to be accepted",
    () => accepted,
    () => clinic.sync({ flush: true }),
  );
  const listed = await tessera(["contacts"]);
  assert.match(listed.out, /^[0-9a-f]{16} active /);
  lab = listed.out.slice(0, 16);
});
after(async () => {
  await clinic?.dispose();
  await relay?.end();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, "in-"));
});
afterEach(async () => {
  await rm(join(store, "ledger"), { force: true });
});

/** Runs the command to its end. */
async function tessera(args, { input = "", env = {}, preload = [] } = {}) {
  const child = spawn(process.execPath, [...preload, CLI, ...args, "--relay", relay.url, "--store", store], {
    env: { PATH: process.env.PATH, TESSERA_KEY_FILE: key, ...env },
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (data) => (out += data));
  child.stderr.on("data", (data) => (err += data));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code, signal] = await new Promise((resolve) => child.once("close", (...ended) => resolve(ended)));
  return { code, signal, out, err };
}
const run = (options) => tessera(["run", "--once", "--folder", folder], options);
async function put(name, content, meta = { contact: lab, label: "visit-7421" }) {
  await writeFile(join(folder, name), content);
  const said = typeof meta === "string" ? meta : JSON.stringify(meta);
  await writeFile(join(folder, name.replace(/\.[^.]+$/, ".meta.json")), said);
}
const listed = async (below = ".") => (await readdir(join(folder, below))).filter((name) => name.includes(".")).sort();
/** What the clinic has got with these bytes. */
async function received(content) {
  const [contact] = await clinic.contacts();
  const all = await clinic.messages(contact.id, { limit: 1000 });
  const found = [];
  for (const message of all) {
    const [only] = message.attachments;
    if (only?.size === content.length && Buffer.from(await only.body()).equals(Buffer.from(content)))
      found.push(message);
  }
  return found;
}
/** Waits until the clinic has got it. */
const arrives = (content) =>
  until(
    "the result",
    async () => (await received(content)).length > 0,
    () => clinic.sync({ flush: true }),
  );
/** A result that no other test sends. */
let count = 0;
const fresh = () => {
  const bundle = JSON.parse(RESULT);
  bundle.identifier = { system: "urn:test", value: String(count++) };
  return utf8(JSON.stringify(bundle));
};

describe("tessera-lab", () => {
  test("sends what is in the folder, moves it, and says when it was confirmed", async () => {
    const result = fresh();
    await put("report.json", result);
    await writeFile(join(folder, "unfinished.json"), fresh());
    const { code, err } = await run();
    assert.equal(code, 0, err);
    assert.deepEqual(await listed("sent"), ["report.json", "report.meta.json"]);
    assert.deepEqual(await listed(), ["unfinished.json"], "without its .meta.json it waits");
    await arrives(result);
    const [message] = await received(result);
    assert.deepEqual(
      [message.session, message.attachments[0].contentType, message.attachments[0].filename],
      ["visit-7421", "application/fhir+json", null],
    );
    await until(
      "the confirmation",
      async () => /delivered/.test((await run()).err),
      () => clinic.sync({ flush: true }),
    );
  });

  test("carries HL7 v2 unchanged, to be read as text", async () => {
    const latin = new Uint8Array(
      Buffer.from(`${HL7}NTE|1||${count++}\r`.replace("|2.5.1", "|2.5.1||||||8859/1"), "latin1"),
    );
    await put("oru.hl7", latin);
    assert.equal((await run()).code, 0);
    await arrives(latin);
    const [message] = await received(latin);
    assert.equal(message.attachments[0].contentType, "application/hl7-v2+er7");
    const text = resultText(await message.attachments[0].body());
    for (const line of ["HL7 v2", "Gómez^Ana", "OBX|1|NM|CREA||2.0|mg/dL|||HH||F"])
      assert.ok(text.includes(line), line);
  });

  test("moves what cannot be sent, with the reason", async () => {
    const other = JSON.parse(RESULT);
    other.entry = other.entry.filter(({ resource }) => resource.resourceType !== "Observation");
    const unclear = JSON.parse(RESULT);
    for (const { resource } of unclear.entry) if (resource.resourceType === "Observation") delete resource.status;
    const large = utf8(JSON.stringify({ ...JSON.parse(RESULT), text: { div: "x".repeat(17 * 1024 * 1024) } }));
    const cases = {
      a: ["{", undefined, /INVALID_ARGUMENT.*not JSON/],
      b: [JSON.stringify(other), undefined, /not whole: \d+ of its references/],
      c: [JSON.stringify(unclear), undefined, /Observation\.status/],
      d: [JSON.stringify({ resourceType: "Patient" }), undefined, /no DiagnosticReport/],
      e: [fresh(), { contact: "0".repeat(16) }, /CONTACT_UNKNOWN/],
      f: [fresh(), { contact: "Dr. Rivera" }, /neither an id nor a fingerprint/],
      g: [fresh(), "{", /meta\.json is not JSON/],
      h: [fresh(), { contact: lab, label: "x".repeat(49) }, /INVALID_ARGUMENT/],
      i: [fresh(), { contact: lab, lable: "x" }, /neither contact nor label/],
      j: [large, undefined, /MESSAGE_TOO_LARGE/],
    };
    for (const [name, [content, meta]] of Object.entries(cases)) await put(`${name}.json`, content, meta);
    const { code, err, out } = await run();
    assert.equal(code, 1);
    assert.deepEqual(await listed(), []);
    assert.deepEqual(await listed("sent"), []);
    for (const [name, [content, , pattern]] of Object.entries(cases)) {
      assert.match(await readFile(join(folder, "failed", `${name}.json.reason.txt`), "utf8"), pattern);
      assert.ok((await readFile(join(folder, "failed", `${name}.json`))).equals(Buffer.from(content)), "it is kept");
    }
    assert.doesNotMatch(err + out, /Rivera|\.json|tessera-lab-/, "no name and no path in the log");
  });

  test("the same content is sent once to a contact, whatever its name", async () => {
    const result = fresh();
    await put("one.json", result);
    assert.equal((await run()).code, 0);
    await put("one.json", result);
    await put("two.json", result);
    assert.match((await run()).err, /was sent before/);
    assert.equal((await listed("sent")).length, 6, "all of them are kept");
    await arrives(result);
    assert.equal((await received(result)).length, 1);
  });

  test("waits for a contact whose enrolment is not finished, and does not wait for ever with --once", async () => {
    const { uri } = await clinic.invite({ kind: "link" });
    const accepting = spawn(process.execPath, [CLI, "accept", "--relay", relay.url, "--store", store], {
      env: { PATH: process.env.PATH, TESSERA_KEY_FILE: key },
      stdio: ["pipe", "pipe", "inherit"],
    });
    accepting.stdin.end(uri);
    const [line] = await once(accepting.stdout, "data");
    accepting.kill("SIGKILL");
    await once(accepting, "close");
    const [id, state] = String(line).split(" ");
    assert.equal(state, "pending");
    await put("early.json", fresh(), { contact: id });
    const { code, err } = await run();
    assert.equal(code, 75, err);
    assert.match(err, /waits: CONTACT_PENDING/);
    assert.deepEqual(await listed(), ["early.json", "early.meta.json"]);
    assert.equal((await tessera(["remove", id])).code, 0);
    assert.equal((await run()).code, 1);
    assert.match(await readFile(join(folder, "failed", "early.json.reason.txt"), "utf8"), /CONTACT_UNKNOWN/);
  });

  test("waits while the relay cannot be reached", async () => {
    const result = fresh();
    await put("report.json", result);
    await relay.down();
    assert.equal((await run()).code, 75);
    assert.deepEqual(await listed(), ["report.json", "report.meta.json"]);
    await relay.up();
    assert.equal((await run()).code, 0);
    await arrives(result);
    assert.equal((await received(result)).length, 1);
  });

  test("the key and the passphrase come from a file or the environment, and nothing of them is printed", async () => {
    const open = join(root, "open");
    await writeFile(open, randomBytes(32).toString("hex"), { mode: 0o644 });
    const passphrase = join(root, "passphrase");
    await writeFile(passphrase, "not this one at all\n", { mode: 0o600 });
    for (const [env, pattern] of [
      [{ TESSERA_KEY_FILE: open }, /can be read by everybody/],
      [{ TESSERA_PASSPHRASE: "secret words" }, /exactly one of/],
      [{ TESSERA_KEY_FILE: passphrase }, /neither 32 bytes nor 64 hex digits/],
      [{ TESSERA_KEY_FILE: join(root, "Ana Gómez") }, /ENOENT/],
    ]) {
      const { code, err, out } = await tessera(["contacts"], { env });
      assert.equal(code, 2);
      assert.match(err, pattern);
      assert.doesNotMatch(err + out, /secret words|not this one|Gómez/);
    }
    const wrong = await tessera(["contacts"], {
      env: { TESSERA_KEY_FILE: undefined, TESSERA_PASSPHRASE_FILE: passphrase },
    });
    assert.match(wrong.err, /WRONG_PASSPHRASE/);
    const files = await readdir(store, { recursive: true });
    for (const name of files) {
      const { mode } = await stat(join(store, name));
      assert.equal(mode & 0o077, 0, name);
    }
  });

  const KILLS = Number(process.env.LAB_KILLS ?? 4);
  test(`killed at any step, before or after it, each file is sent once (${KILLS} kills)`, async () => {
    // How many steps a run has, so that the kills lie anywhere in it.
    await put("count.json", fresh());
    const whole = await run({ preload: ["--import", DYING], env: { DIE_AT: "0" } });
    assert.equal(whole.code, 0, whole.err);
    const steps = Number(/steps (\d+)/.exec(whole.out)[1]);
    assert.ok(steps > 20, `${steps}`);
    const contents = [];
    for (let kill = 0; kill < KILLS; kill++) {
      const [result, other] = [fresh(), fresh()];
      await put("report.json", result);
      await put("other.json", other);
      // Two deaths, the second one somewhere in the recovery from the first.
      const places = [1 + ((kill * 7919) % (2 * steps)), 1 + ((kill * 104_729) % steps)];
      for (const [index, place] of places.entries()) {
        const DIE = (kill + index) % 2 ? "before" : "after";
        const { signal, code, err } = await run({ preload: ["--import", DYING], env: { DIE_AT: String(place), DIE } });
        assert.ok(signal === "SIGKILL" || code === 0, err);
      }
      const last = await run();
      assert.equal(last.code, 0, `${places}: ${last.err}`);
      assert.deepEqual(await listed(), [], `${places}`);
      assert.deepEqual(await listed("failed"), []);
      const sent = await listed("sent");
      assert.ok(sent.filter((name) => name.startsWith("report")).length % 2 === 0, `${sent}`);
      contents.push([places, result], [places, other]);
      await rm(join(folder, "sent"), { recursive: true });
      await mkdir(join(folder, "sent"));
    }
    for (const [, content] of contents) await arrives(content);
    // What was sent a second time would be published by then.
    await relay.epochs(2);
    await clinic.sync({ flush: true });
    for (const [places, content] of contents) assert.equal((await received(content)).length, 1, `killed at ${places}`);
  });
});
