/** The SDK level: identities, proofs under blinded names, encryption to one recipient. */

import type * as bindings from "../core/sdk.js";
import { bytes, content, integer, options as known, text, type Content } from "../arguments.js";
import { call } from "../module/sdk.js";
import { invalid } from "../errors.js";
import { Handle, inner } from "../module/handle.js";

export interface SessionOptions {
  /** 1 to 64 bytes of UTF-8; the same seed and session give the same pseudonym. */
  readonly sessionId: string;
}

export interface ProofOptions {
  /** What binds the proof to a recipient, a time and a kind. Empty binds nothing. */
  readonly context?: Content;
}

/** One proof of a batch. */
export interface BatchItem extends ProofOptions {
  readonly verifier: BlindedVerifier;
  readonly proof: Uint8Array;
  readonly pseudonym: Uint8Array;
  readonly message: Content;
}

const ITEM = ["verifier", "proof", "pseudonym", "message", "context"] as const;

/** An identity with its secrets, which stay inside the module. */
export class Sender extends Handle<bindings.Sender> {
  /** A fresh identity. */
  static generate(): Sender {
    return new Sender(call((sdk) => sdk.Sender.generate()));
  }

  /** The identity of a 32-byte secret. The caller's array is left as it is: wipe it. */
  static fromSecret(secret: Uint8Array): Sender {
    return new Sender(call((sdk) => sdk.Sender.fromSecret(bytes(secret, "secret", 32))));
  }

  private constructor(sender: bindings.Sender) {
    super(sender);
  }

  /** 64 bytes to give to others. */
  get publicKey(): Uint8Array {
    return call(() => inner(this).publicKey);
  }

  /** The 32 bytes that everything follows from. Anyone with them is this sender. */
  exportSecret(): Uint8Array {
    return call(() => inner(this).exportSecret());
  }
}

/** Whom proofs are expected from. */
export class Verifier extends Handle<bindings.Verifier> {
  constructor(options: { readonly expectedPublicKey: Uint8Array }) {
    const key = bytes(known(options, "options", ["expectedPublicKey"]).expectedPublicKey, "expectedPublicKey", 64);
    super(call((sdk) => new sdk.Verifier(key)));
  }
}

/** Proves under the pseudonym of one session. */
export class BlindedSender extends Handle<bindings.BlindedSender> {
  constructor(sender: Sender, sharedSeed: Uint8Array, options: SessionOptions) {
    if (!(sender instanceof Sender)) throw invalid("sender is not a Sender");
    const seed = bytes(sharedSeed, "sharedSeed", 32);
    super(call((sdk) => new sdk.BlindedSender(inner(sender), seed, sessionId(options))));
  }

  /** 32 bytes; unlinkable to another session's for anyone without the seed. */
  pseudonym(): Uint8Array {
    return call(() => inner(this).pseudonym());
  }

  /** 64 bytes that prove that this sender said `message`. */
  prove(message: Content, options: ProofOptions = {}): Uint8Array {
    return call(() => inner(this).prove(content(message, "message"), context(options)));
  }
}

/** Verifies proofs of one expected sender in one session. */
export class BlindedVerifier extends Handle<bindings.BlindedVerifier> {
  /** Verifies many proofs, of any verifiers, faster than one by one. */
  static verifyBatch(items: readonly BatchItem[]): boolean[] {
    if (!Array.isArray(items)) throw invalid("items is not an array");
    return call((sdk) => {
      const batch = new sdk.ProofBatch();
      try {
        for (const item of items as readonly BatchItem[]) {
          const { verifier, proof, pseudonym, message } = known(item, "item", ITEM);
          if (!(verifier instanceof BlindedVerifier)) throw invalid("verifier is not a BlindedVerifier");
          batch.add(
            inner(verifier),
            bytes(proof, "proof"),
            bytes(pseudonym, "pseudonym"),
            content(message, "message"),
            contextOf(item.context),
          );
        }
        return Array.from(batch.verify(), (holds) => holds === 1);
      } finally {
        batch.free();
      }
    });
  }

  constructor(verifier: Verifier, sharedSeed: Uint8Array, options: SessionOptions) {
    if (!(verifier instanceof Verifier)) throw invalid("verifier is not a Verifier");
    const seed = bytes(sharedSeed, "sharedSeed", 32);
    super(call((sdk) => new sdk.BlindedVerifier(inner(verifier), seed, sessionId(options))));
  }

  /** Whether the pseudonym is the expected sender's and the proof holds. */
  verify(proof: Uint8Array, pseudonym: Uint8Array, message: Content, options: ProofOptions = {}): boolean {
    return call(() =>
      inner(this).verify(
        bytes(proof, "proof"),
        bytes(pseudonym, "pseudonym"),
        content(message, "message"),
        context(options),
      ),
    );
  }
}

/** A proof and its message, sealed to one recipient. Whether the proof holds is for a verifier to say. */
export const SecureEncryption = {
  /** Seals to a public key. */
  async encrypt(proof: Uint8Array, message: Content, recipientPublicKey: Uint8Array): Promise<Uint8Array> {
    const key = bytes(recipientPublicKey, "recipientPublicKey", 64);
    return call((sdk) => sdk.secureEncrypt(bytes(proof, "proof", 64), content(message, "message"), key));
  },

  /** Opens what was sealed to this identity; `NOT_AUTHENTIC` for every failure. */
  async decrypt(ciphertext: Uint8Array, recipient: Sender): Promise<{ proof: Uint8Array; message: Uint8Array }> {
    if (!(recipient instanceof Sender)) throw invalid("recipient is not a Sender");
    return call((sdk) => sdk.secureDecrypt(bytes(ciphertext, "ciphertext"), inner(recipient))) as {
      proof: Uint8Array;
      message: Uint8Array;
    };
  },
};

/** The 32-byte fingerprint of a public key: what people compare, and an identity's address. */
export function fingerprint(publicKey: Uint8Array): Uint8Array {
  return call((sdk) => sdk.fingerprint(bytes(publicKey, "publicKey", 64)));
}

/** The bucket that an address lies in; the count is a power of two from 1 to 65536. */
export function computeBucket(fingerprint: Uint8Array, bucketCount: number): number {
  const address = bytes(fingerprint, "fingerprint", 32);
  return call((sdk) => sdk.computeBucket(address, integer(bucketCount, "bucketCount", 1, 65_536)));
}

function sessionId(options: SessionOptions): string {
  return text(known(options, "options", ["sessionId"]).sessionId, "sessionId");
}

function context(options: ProofOptions): Uint8Array {
  return contextOf(known(options, "options", ["context"]).context);
}

function contextOf(value: Content | undefined): Uint8Array {
  return value === undefined ? new Uint8Array() : content(value, "context");
}
