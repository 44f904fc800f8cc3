// Protocol §2 and §3 through the package's public SDK.

import { BlindedSender, BlindedVerifier, Sender, Verifier } from "tessera-portal/sdk";

export function sender(secret, seed, sessionId) {
  const identity = Sender.fromSecret(secret);
  return {
    publicKey: identity.publicKey,
    /** Blinds for a session, as a message does that starts one. */
    session() {
      const blinded = new BlindedSender(identity, seed, { sessionId });
      return {
        pseudonym: blinded.pseudonym(),
        prove: (message, context) => blinded.prove(message, { context }),
        dispose: () => blinded.dispose(),
      };
    },
  };
}

export function verifier(expectedPublicKey) {
  const expected = new Verifier({ expectedPublicKey });
  return {
    /** A verifier of its own for each proof, so that Y' is recomputed each time. */
    verify(seed, sessionId, proof, carried, message, context) {
      const blinded = new BlindedVerifier(expected, seed, { sessionId });
      try {
        return blinded.verify(proof, carried, message, { context });
      } finally {
        blinded.dispose();
      }
    },

    /** The same for many: `[{ seed, sessionId, proof, pseudonym, message, context }]`. */
    verifyBatch(claims) {
      const items = claims.map(({ seed, sessionId, ...item }) => ({
        ...item,
        verifier: new BlindedVerifier(expected, seed, { sessionId }),
      }));
      try {
        return BlindedVerifier.verifyBatch(items);
      } finally {
        for (const { verifier } of items) verifier.dispose();
      }
    },
  };
}
