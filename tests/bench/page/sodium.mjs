// Protocol §2 and §3 on libsodium-wrappers-sumo, whose group elements are their 32 bytes.

import sodium from "libsodium-wrappers-sumo";
import { concat, equal, parts, text } from "./bytes.mjs";

const IDENTITY = new Uint8Array(32);

export const ready = sodium.ready;

function hashToScalar(label, ...items) {
  return sodium.crypto_core_ristretto255_scalar_reduce(sodium.crypto_hash_sha512(parts(label, ...items)));
}

export function sender(secret, seed, sessionId) {
  const x = hashToScalar("tessera/v1/identity/auth", secret);
  return {
    /** Blinds for a session, as a message does that starts one. */
    session: () => blindedSender(x, seed, text(sessionId)),
  };
}

function blindedSender(x, seed, sessionId) {
  const witness = sodium.crypto_core_ristretto255_scalar_add(x, hashToScalar("tessera/v1/blind", seed, sessionId));
  const pseudonym = sodium.crypto_scalarmult_ristretto255_base(witness);
  return {
    pseudonym,
    prove(message, context) {
      const hedge = sodium.randombytes_buf(32);
      const k = hashToScalar("tessera/v1/proof/nonce", witness, hedge, sessionId, context, message);
      const commitment = sodium.crypto_scalarmult_ristretto255_base(k);
      const c = hashToScalar("tessera/v1/proof/challenge", pseudonym, commitment, sessionId, context, message);
      const response = sodium.crypto_core_ristretto255_scalar_add(
        k,
        sodium.crypto_core_ristretto255_scalar_mul(c, witness),
      );
      return concat(commitment, response);
    },
  };
}

export function verifier(publicKey) {
  const statement = publicKey.slice(0, 32);
  if (equal(statement, IDENTITY) || !sodium.crypto_core_ristretto255_is_valid_point(statement))
    throw new Error("no statement");
  return {
    /** Recomputes Y' and checks the proof. The computed commitment is encoded and compared as bytes, so R needs no decoding. */
    verify(seed, sessionId, proof, carried, message, context) {
      const session = text(sessionId);
      if (proof.length !== 64 || session.length < 1 || session.length > 64) return false;
      const h = hashToScalar("tessera/v1/blind", seed, session);
      const pseudonym = sodium.crypto_core_ristretto255_add(statement, sodium.crypto_scalarmult_ristretto255_base(h));
      if (equal(pseudonym, IDENTITY) || !equal(pseudonym, carried)) return false;
      const [commitment, response] = [proof.subarray(0, 32), proof.slice(32)];
      if (!isReduced(response) || equal(commitment, IDENTITY)) return false;
      const c = hashToScalar("tessera/v1/proof/challenge", pseudonym, commitment, session, context, message);
      try {
        const left = sodium.crypto_scalarmult_ristretto255_base(response);
        return equal(
          sodium.crypto_core_ristretto255_sub(left, sodium.crypto_scalarmult_ristretto255(c, pseudonym)),
          commitment,
        );
      } catch {
        return false; // a product that is the identity, which no proof of ours has
      }
    },
  };
}

function isReduced(scalar) {
  const wide = new Uint8Array(64);
  wide.set(scalar);
  return equal(sodium.crypto_core_ristretto255_scalar_reduce(wide), scalar);
}
