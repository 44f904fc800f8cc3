/** The arguments of the SDK level. */

import * as sdk from "tessera-portal/sdk";
import { within } from "./arguments-values.mjs";
import { bytes } from "./support.mjs";

const [sender, verifier] = [
  sdk.Sender.generate(),
  new sdk.Verifier({ expectedPublicKey: sdk.Sender.generate().publicKey }),
];
const visit = () => ({ sessionId: "visit" });

/** As `PORTAL_CALLS`. */
export const SDK_CALLS = {
  "new BlindedSender": [
    (...all) => new sdk.BlindedSender(...all),
    () => [sender, bytes(32), visit()],
    { sender: "object", sharedSeed: "bytes", options: "options", "options.sessionId": "text" },
  ],
  "BlindedSender#prove": [
    (...all) => new sdk.BlindedSender(sender, bytes(32), visit()).prove(...all),
    () => ["m", {}],
    { message: "content", options: "optional", "options.context": "content" },
  ],
  "new BlindedVerifier": [
    (...all) => new sdk.BlindedVerifier(...all),
    () => [verifier, bytes(32), visit()],
    { verifier: "object", sharedSeed: "bytes", options: "options", "options.sessionId": "text" },
  ],
  "BlindedVerifier#verify": [
    (...all) => new sdk.BlindedVerifier(verifier, bytes(32), visit()).verify(...all),
    () => [bytes(64), bytes(32), "m", {}],
    { proof: "bytes", pseudonym: "bytes", message: "content", options: "optional", "options.context": "content" },
  ],
  "BlindedVerifier.verifyBatch": [
    sdk.BlindedVerifier.verifyBatch,
    () => [
      [
        {
          verifier: new sdk.BlindedVerifier(verifier, bytes(32), visit()),
          proof: bytes(64),
          pseudonym: bytes(32),
          message: "m",
        },
      ],
    ],
    {
      items: "list",
      "items[]": ["object", "item"],
      ...within("items[]", { verifier: "object", proof: "bytes", pseudonym: "bytes", message: "content" }),
      "items[].context": "content",
    },
  ],
  "SecureEncryption.encrypt": [
    sdk.SecureEncryption.encrypt,
    () => [bytes(64), "m", sender.publicKey],
    { proof: "bytes", message: "content", recipientPublicKey: "bytes" },
  ],
  "SecureEncryption.decrypt": [
    sdk.SecureEncryption.decrypt,
    () => [bytes(99), sender],
    { ciphertext: "bytes", recipient: "object" },
  ],
  "Sender.fromSecret": [sdk.Sender.fromSecret, () => [bytes(32)], { secret: "bytes" }],
  "new Verifier": [
    (options) => new sdk.Verifier(options),
    () => [{}],
    { options: "options", "options.expectedPublicKey": "bytes" },
  ],
  fingerprint: [sdk.fingerprint, () => [bytes(64)], { publicKey: "bytes" }],
  computeBucket: [sdk.computeBucket, () => [bytes(32), 8], { fingerprint: "bytes", bucketCount: "whole" }],
  "emergency.split": [
    sdk.emergency.split,
    () => [bytes(32), { threshold: 2, shares: 3 }],
    { secret: "bytes", options: "options", "options.threshold": "whole", "options.shares": "whole" },
  ],
  "emergency.combine": [
    sdk.emergency.combine,
    () => [[{ x: 1, y: bytes(32) }]],
    { shares: "list", "shares[]": ["object", "share"], "shares[].x": "whole", "shares[].y": "bytes" },
  ],
  "medcrypt.MedcryptKey.fromBytes": [sdk.medcrypt.MedcryptKey.fromBytes, () => [bytes(32)], { key: "bytes" }],
  "medcrypt.deriveKey": [
    sdk.medcrypt.deriveKey,
    () => ["s", {}],
    { secret: "content", options: "optional", "options.salt": "bytes", "options.iterations": "whole" },
  ],
  "medcrypt.monthKey": [sdk.medcrypt.monthKey, () => ["s", "2026-03"], { secret: "content", month: "text" }],
  "medcrypt.encryptMessage": [
    sdk.medcrypt.encryptMessage,
    () => ["text", bytes(32), "alias"],
    { message: ["text", "text"], key: "bytes", patientId: "text" },
  ],
  "medcrypt.decryptMessage": [sdk.medcrypt.decryptMessage, () => ["text", bytes(32)], { wire: "text", key: "bytes" }],
  "medcrypt.readAlias": [sdk.medcrypt.readAlias, () => ["x"], { wire: "text" }],
  "medcrypt.Aliases.from": [sdk.medcrypt.Aliases.from, () => [{}], { entries: "object" }],
  "medcrypt.Aliases#aliasOf": [(id) => new sdk.medcrypt.Aliases().aliasOf(id), () => ["c"], { contact: "text" }],
  "medcrypt.Aliases#contactOf": [
    (alias) => new sdk.medcrypt.Aliases().contactOf(alias),
    () => ["a"],
    { alias: "text" },
  ],
  "medcrypt.Aliases#set": [
    (...all) => new sdk.medcrypt.Aliases().set(...all),
    () => ["c", "a"],
    { contact: "text", alias: "text" },
  ],
  "medcrypt.Aliases#delete": [(id) => new sdk.medcrypt.Aliases().delete(id), () => ["c"], { contact: "text" }],
  "new medcrypt.KeyRing": [
    (...all) => new sdk.medcrypt.KeyRing(...all),
    () => ["s", () => 0],
    { secret: "content", clock: "callback" },
  ],
  "medcrypt.KeyRing#seal": [
    (...all) => new sdk.medcrypt.KeyRing("s").seal(...all),
    () => ["text", "alias"],
    { text: "text", alias: ["text", "patientId"] },
  ],
  "medcrypt.KeyRing#open": [(wire) => new sdk.medcrypt.KeyRing("s").open(wire), () => ["x"], { wire: "text" }],
  "new medcrypt.Conversation": [
    (...all) => new sdk.medcrypt.Conversation(...all),
    () => ["s", {}],
    {
      secret: "content",
      options: "optional",
      ...within("options", { alias: "text", limit: "whole", clock: "callback" }),
    },
  ],
  "medcrypt.Conversation#seal": [
    (note) => new sdk.medcrypt.Conversation("s").seal(note),
    () => ["x"],
    { note: "text" },
  ],
  "medcrypt.Conversation#open": [
    (wire) => new sdk.medcrypt.Conversation("s").open(wire),
    () => ["x"],
    { wire: "text" },
  ],
};
