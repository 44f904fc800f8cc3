// Protocol §2 and §3 on @noble/curves. Secret scalars are multiplied in constant time, public ones
// the faster way, which noble offers as `multiplyUnsafe`.

import { ristretto255 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal, parts, random, text } from "./bytes.mjs";

const { Point } = ristretto255;
const { Fn, BASE, ZERO } = Point;
const IDENTITY = new Uint8Array(32);

function hashToScalar(label, ...items) {
  return Fn.create(littleEndian(sha512(parts(label, ...items))));
}

/** Through hex, the fastest way from bytes to a BigInt that JavaScript has. */
function littleEndian(bytes) {
  return BigInt(`0x${bytes.slice().reverse().toHex()}`);
}

export function sender(secret, seed, sessionId) {
  const x = hashToScalar("tessera/v1/identity/auth", secret);
  return {
    /** Blinds for a session, as a message does that starts one. */
    session: () => blindedSender(x, seed, text(sessionId)),
  };
}

function blindedSender(x, seed, sessionId) {
  const witness = Fn.add(x, hashToScalar("tessera/v1/blind", seed, sessionId));
  const pseudonym = BASE.multiply(witness).toBytes();
  const witnessBytes = Fn.toBytes(witness);
  return {
    pseudonym,
    prove(message, context) {
      const k = hashToScalar("tessera/v1/proof/nonce", witnessBytes, random(32), sessionId, context, message);
      const commitment = BASE.multiply(k).toBytes();
      const c = hashToScalar("tessera/v1/proof/challenge", pseudonym, commitment, sessionId, context, message);
      return concat(commitment, Fn.toBytes(Fn.add(k, Fn.mul(c, witness))));
    },
  };
}

export function verifier(publicKey) {
  const statement = Point.fromBytes(publicKey.subarray(0, 32));
  if (statement.is0()) throw new Error("no statement");
  return {
    /** Recomputes Y' and checks the proof. The computed commitment is encoded and compared as bytes, so R needs no decoding. */
    verify(seed, sessionId, proof, carried, message, context) {
      const session = text(sessionId);
      if (proof.length !== 64 || session.length < 1 || session.length > 64) return false;
      const h = hashToScalar("tessera/v1/blind", seed, session);
      const blinded = statement.add(BASE.multiply(h));
      const pseudonym = blinded.toBytes();
      if (blinded.is0() || !equal(pseudonym, carried)) return false;
      const [commitment, response] = [proof.subarray(0, 32), littleEndian(proof.subarray(32))];
      if (response >= Fn.ORDER || equal(commitment, IDENTITY)) return false;
      const c = hashToScalar("tessera/v1/proof/challenge", pseudonym, commitment, session, context, message);
      const left = response === 0n ? ZERO : BASE.multiplyUnsafe(response);
      return equal(left.subtract(blinded.multiplyUnsafe(c)).toBytes(), commitment);
    },
  };
}
