import test from "node:test";
import {
  BlindedSender,
  BlindedVerifier,
  SecureEncryption,
  Sender,
  Verifier,
  computeBucket,
  emergency,
  fingerprint,
} from "tessera-portal/sdk";
import { assert, bytes, flipped, fromHex, refused, utf8, vectors } from "./support.mjs";

const SEED = bytes(32, 3);
const SESSION = { sessionId: "visit-7421" };

function pair(session = SESSION) {
  const sender = Sender.generate();
  const verifier = new Verifier({ expectedPublicKey: sender.publicKey });
  return {
    sender,
    prover: new BlindedSender(sender, SEED, session),
    checker: new BlindedVerifier(verifier, SEED, session),
  };
}

test("a proof holds for its message, context, session and sender only", () => {
  const { prover, checker } = pair();
  const pseudonym = prover.pseudonym();
  const proof = prover.prove("Continue metformin", { context: "to Bob" });
  assert.equal(pseudonym.length, 32);
  assert.equal(proof.length, 64);
  assert.ok(checker.verify(proof, pseudonym, utf8("Continue metformin"), { context: utf8("to Bob") }));
  assert.ok(!checker.verify(proof, pseudonym, "Stop metformin", { context: "to Bob" }));
  assert.ok(!checker.verify(proof, pseudonym, "Continue metformin"));
  assert.ok(!checker.verify(flipped(proof), pseudonym, "Continue metformin", { context: "to Bob" }));
  assert.ok(!checker.verify(proof, flipped(pseudonym), "Continue metformin", { context: "to Bob" }));
  assert.ok(!checker.verify(proof.slice(1), pseudonym, "Continue metformin", { context: "to Bob" }));
  for (const other of [pair(), pair({ sessionId: "visit-7422" })]) {
    assert.ok(!other.checker.verify(proof, pseudonym, "Continue metformin", { context: "to Bob" }));
  }
});

test("pseudonyms differ from session to session and repeat within one", () => {
  const { sender } = pair();
  const of = (sessionId, seed = SEED) =>
    Buffer.from(new BlindedSender(sender, seed, { sessionId }).pseudonym()).toString("hex");
  assert.equal(of("a"), of("a"));
  assert.equal(new Set([of("a"), of("b"), of("a", bytes(32, 4))]).size, 3);
});

test("a batch says which proofs hold, across verifiers", () => {
  const items = Array.from({ length: 20 }, (_, i) => {
    const { prover, checker } = pair({ sessionId: `session ${i}` });
    const message = `message ${i}`;
    return {
      verifier: checker,
      proof: prover.prove(message, { context: "c" }),
      pseudonym: prover.pseudonym(),
      message,
      context: "c",
    };
  });
  assert.deepEqual(BlindedVerifier.verifyBatch([]), []);
  assert.deepEqual(BlindedVerifier.verifyBatch(items), Array(20).fill(true));
  const spoilt = [...items];
  spoilt[3] = { ...items[3], message: "another" };
  spoilt[7] = { ...items[7], proof: bytes(63) };
  spoilt[11] = { ...items[11], pseudonym: items[12].pseudonym };
  spoilt[19] = { ...items[19], context: undefined };
  assert.deepEqual(
    BlindedVerifier.verifyBatch(spoilt),
    spoilt.map((_, i) => ![3, 7, 11, 19].includes(i)),
  );
});

test("identities and buckets are those of the vectors", async () => {
  for (const { secret, auth_pk, kem_pk, fingerprint: print, buckets } of await vectors("identity")) {
    const sender = Sender.fromSecret(fromHex(secret));
    assert.deepEqual(sender.publicKey, fromHex(auth_pk + kem_pk));
    assert.deepEqual(sender.exportSecret(), fromHex(secret));
    assert.deepEqual(fingerprint(sender.publicKey), fromHex(print));
    for (const [count, bucket] of Object.entries(buckets))
      assert.equal(computeBucket(fromHex(print), Number(count)), bucket);
  }
});

test("SecureEncryption opens the vectors and nothing else", async () => {
  for (const { recipient_secret, ciphertext, proof, message, valid } of await vectors("secure_encryption")) {
    const recipient = Sender.fromSecret(fromHex(recipient_secret));
    if (!valid) {
      await refused("NOT_AUTHENTIC", () => SecureEncryption.decrypt(fromHex(ciphertext), recipient));
      continue;
    }
    assert.deepEqual(await SecureEncryption.decrypt(fromHex(ciphertext), recipient), {
      proof: fromHex(proof),
      message: fromHex(message),
    });
  }
});

test("SecureEncryption: only the recipient opens, and nothing altered opens", async () => {
  const { sender: bob, prover } = pair();
  const proof = prover.prove("hello");
  for (const message of ["", "hello", "x".repeat(100_000)]) {
    const sealed = await SecureEncryption.encrypt(proof, message, bob.publicKey);
    assert.deepEqual(await SecureEncryption.decrypt(sealed, bob), { proof, message: utf8(message) });
    await refused("NOT_AUTHENTIC", () => SecureEncryption.decrypt(sealed, Sender.generate()));
    for (const at of [0, 40, -1])
      await refused("NOT_AUTHENTIC", () => SecureEncryption.decrypt(flipped(sealed, at), bob));
    await refused("NOT_AUTHENTIC", () => SecureEncryption.decrypt(sealed.slice(0, -1), bob));
  }
  await refused("NOT_AUTHENTIC", () => SecureEncryption.decrypt(new Uint8Array(), bob));
});

test("any threshold of the shares gives the secret, as in the vectors", async () => {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const shares = emergency.split(secret, { threshold: 3, shares: 5 });
  assert.deepEqual(
    shares.map(({ x }) => x),
    [1, 2, 3, 4, 5],
  );
  assert.deepEqual(emergency.combine([shares[4], shares[0], shares[2]]), secret);
  assert.deepEqual(emergency.combine(shares), secret);
  assert.notDeepEqual(emergency.combine(shares.slice(0, 2)), secret);
  let checked = 0;
  for (const { secret, shares, threshold } of (await vectors("shares")).filter((one) => one.secret && one.shares)) {
    const points = shares.map(({ x, y }) => ({ x, y: fromHex(y) }));
    assert.deepEqual(emergency.combine(points.slice(-threshold)), fromHex(secret));
    checked += 1;
  }
  assert.ok(checked > 0);
  await refused("SHARES_INVALID", () => emergency.combine([]));
  await refused("SHARES_INVALID", () => emergency.combine([shares[0]]));
  await refused("SHARES_INVALID", () => emergency.combine([shares[0], shares[0]]));
  await refused("SHARES_INVALID", () => emergency.combine([shares[0], { x: 0, y: bytes(32) }]));
  for (const [threshold, count] of [
    [1, 3],
    [4, 3],
    [2, 256],
    [2.5, 3],
  ]) {
    await refused("INVALID_ARGUMENT", () => emergency.split(secret, { threshold, shares: count }));
  }
});

test("misuse is INVALID_ARGUMENT; a key the protocol refuses is INVALID_KEY", async () => {
  const { sender, prover, checker } = pair();
  const verifier = new Verifier({ expectedPublicKey: sender.publicKey });
  const wrong = [
    () => Sender.fromSecret(bytes(31)),
    () => Sender.fromSecret(Array(32).fill(1)),
    () => Sender.fromSecret(new Uint16Array(32)),
    () => Sender.fromSecret("x".repeat(32)),
    () => new Verifier(sender.publicKey),
    () => new Verifier({ expectedPublicKey: bytes(63) }),
    () => new Verifier(),
    () => new BlindedSender({}, SEED, SESSION),
    () => new BlindedSender(sender, bytes(33), SESSION),
    () => new BlindedSender(sender, SEED, "visit"),
    () => new BlindedSender(sender, SEED, { sessionId: "" }),
    () => new BlindedSender(sender, SEED, { sessionId: "x".repeat(65) }),
    () => new BlindedVerifier(sender, SEED, SESSION),
    () => new BlindedVerifier(verifier, SEED, { sessionId: 7 }),
    () => prover.prove(),
    () => prover.prove(7),
    () => prover.prove("m", { context: 7 }),
    () => checker.verify("proof", bytes(32), "m"),
    () => BlindedVerifier.verifyBatch("items"),
    () => BlindedVerifier.verifyBatch([{}]),
    () => SecureEncryption.encrypt(bytes(63), "m", sender.publicKey),
    () => SecureEncryption.encrypt(bytes(64), "m", bytes(65)),
    () => SecureEncryption.decrypt(bytes(200), {}),
    () => computeBucket(bytes(31), 8),
    () => computeBucket(bytes(32), 3),
    () => computeBucket(bytes(32), 131_072),
    () => computeBucket(bytes(32), "8"),
    () => fingerprint(bytes(32)),
    () => emergency.combine([{ x: 1, y: bytes(31) }]),
  ];
  for (const attempt of wrong) await refused("INVALID_ARGUMENT", attempt);
  for (const key of [bytes(64, 0), bytes(64, 255)]) await refused("INVALID_KEY", () => fingerprint(key));
});

test("a disposed object is of no use, and disposing twice is fine", async () => {
  const { sender, prover, checker } = pair();
  const proof = prover.prove("m");
  const pseudonym = prover.pseudonym();
  sender.dispose();
  assert.ok(checker.verify(proof, prover.pseudonym(), "m"), "a blinded sender outlives its sender");
  for (const handle of [sender, prover, checker]) {
    handle.dispose();
    handle.dispose();
  }
  await refused("DISPOSED", () => sender.publicKey);
  await refused("DISPOSED", () => sender.exportSecret());
  await refused("DISPOSED", () => new BlindedSender(sender, SEED, SESSION));
  await refused("DISPOSED", () => prover.prove("m"));
  await refused("DISPOSED", () => checker.verify(proof, pseudonym, "m"));
  await refused("DISPOSED", () => SecureEncryption.decrypt(bytes(100), sender));
  if (typeof Symbol.dispose === "symbol") {
    const other = Sender.generate();
    other[Symbol.dispose]();
    await refused("DISPOSED", () => other.publicKey);
  }
});
