// Proofs under blinded pseudonyms: the package, @noble/curves, libsodium.

import * as noble from "./noble.mjs";
import * as sodium from "./sodium.mjs";
import * as tessera from "./tessera.mjs";
import { hex, random, text } from "./bytes.mjs";
import { agree } from "./check.mjs";
import { compare } from "./measure.mjs";

const PEERS = { tessera, noble, sodium };
const BATCH = 256;
const SESSION = "visit-7421";
const MESSAGE = text("Continue metformin 500mg BID; recheck HbA1c in 3 months.");
const CONTEXT = random(32 + 8 + 1 + 8 + 4 + 25);

/** Every variant computes the answers of the vectors, and accepts the proofs of all others. */
export async function crossCheck(vectors) {
  await sodium.ready;
  let cases = 0;
  for (const vector of vectors.cases) {
    const sessionId = utf8(hex(vector.session_id));
    if (sessionId === undefined) continue; // the SDK's session ids are strings
    for (const [name, peer] of Object.entries(PEERS)) {
      agree(verifies(peer, vector, sessionId) === vector.valid, `${name}, vector "${vector.why ?? "valid"}"`);
    }
    cases += 1;
  }
  agree(cases > 20, "too few vectors");

  const [secret, seed] = [random(32), random(32)];
  const { publicKey } = tessera.sender(secret, seed, SESSION);
  for (const [prover, { sender }] of Object.entries(PEERS)) {
    const session = sender(secret, seed, SESSION).session();
    const proof = session.prove(MESSAGE, CONTEXT);
    for (const [name, { verifier }] of Object.entries(PEERS)) {
      const holds = (message) => verifier(publicKey).verify(seed, SESSION, proof, session.pseudonym, message, CONTEXT);
      agree(holds(MESSAGE), `${name} refuses the proof of ${prover}`);
      agree(!holds(CONTEXT), `${name} accepts another message than ${prover} proved`);
    }
  }
  return cases;
}

function verifies({ verifier }, vector, sessionId) {
  const publicKey = tessera.sender(hex(vector.secret), random(32), SESSION).publicKey;
  publicKey.set(hex(vector.auth_pk));
  try {
    const { blind_seed, proof, pseudonym, message, context } = vector;
    return verifier(publicKey).verify(
      hex(blind_seed),
      sessionId,
      hex(proof),
      hex(pseudonym),
      hex(message),
      hex(context),
    );
  } catch {
    return false; // a statement or session id refused when the verifier is made
  }
}

export async function measure(budget) {
  const [secret, seed] = [random(32), random(32)];
  const { publicKey } = tessera.sender(secret, seed, SESSION);
  const verifiers = Object.entries(PEERS).map(([name, peer]) => [name, peer.verifier(publicKey)]);
  const senders = Object.entries(PEERS).map(([name, peer]) => [name, peer.sender(secret, seed, SESSION)]);
  const given = tessera.sender(secret, seed, SESSION).session();
  const proof = given.prove(MESSAGE, CONTEXT);
  const claims = manyClaims(secret, seed);
  agree(tessera.verifier(publicKey).verifyBatch(claims).every(Boolean), "the batch does not hold");

  const variants = (entries, run) => Object.fromEntries(entries.map(([name, peer]) => [name, () => run(peer)]));
  const blindAndProve = (sender) => {
    const session = sender.session();
    session.prove(MESSAGE, CONTEXT);
    session.dispose?.();
  };
  const verify = (verifier) => verifier.verify(seed, SESSION, proof, given.pseudonym, MESSAGE, CONTEXT) && 1;
  const ours = tessera.verifier(publicKey);
  const oneByOne = () =>
    claims.filter((claim) =>
      ours.verify(claim.seed, claim.sessionId, claim.proof, claim.pseudonym, claim.message, claim.context),
    ).length;
  agree(oneByOne() === BATCH, "a claim of the batch does not hold alone");
  return {
    prove: await compare(
      variants(
        senders.map(([name, sender]) => [name, sender.session()]),
        (session) => void session.prove(MESSAGE, CONTEXT),
      ),
      budget,
    ),
    blindAndProve: await compare(variants(senders, blindAndProve), budget),
    verify: await compare(variants(verifiers, verify), budget),
    batch: await compare({ single: oneByOne, batch: () => ours.verifyBatch(claims).length }, budget),
  };
}

/** Each in a separate session, as deliveries are. */
function manyClaims(secret, seed) {
  return Array.from({ length: BATCH }, (_, i) => {
    const sessionId = `visit-${i}`;
    const session = tessera.sender(secret, seed, sessionId).session();
    return {
      seed,
      sessionId,
      proof: session.prove(MESSAGE, CONTEXT),
      pseudonym: session.pseudonym,
      message: MESSAGE,
      context: CONTEXT,
    };
  });
}

function utf8(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
