// What a customer's first script might be; prints what it found as JSON.

import {
  init,
  isTesseraError,
  BlindedSender,
  BlindedVerifier,
  SecureEncryption,
  Sender,
  Verifier,
} from "tessera-portal/sdk";

const codeOf = async (attempt) => {
  try {
    await attempt();
    return null;
  } catch (error) {
    return isTesseraError(error) ? error.code : String(error);
  }
};

const early = await codeOf(() => Sender.generate());
await init();

const lab = Sender.generate();
const clinician = Sender.generate();
const seed = crypto.getRandomValues(new Uint8Array(32));
const session = { sessionId: "visit-7421" };
const message = "HbA1c 6.1 %";

const blinded = new BlindedSender(lab, seed, session);
const proof = blinded.prove(message, { context: "result" });
const verifier = new BlindedVerifier(new Verifier({ expectedPublicKey: lab.publicKey }), seed, session);
const verified = verifier.verify(proof, blinded.pseudonym(), message, { context: "result" });
const forged = verifier.verify(proof, blinded.pseudonym(), "HbA1c 9.1 %", { context: "result" });

const sealed = await SecureEncryption.encrypt(proof, message, clinician.publicKey);
const opened = new TextDecoder().decode((await SecureEncryption.decrypt(sealed, clinician)).message);
const wrongKey = await codeOf(() => SecureEncryption.decrypt(sealed, lab));

for (const handle of [blinded, verifier, lab, clinician]) handle.dispose();
console.log(JSON.stringify({ verified, forged, opened, wrongKey, early }));
