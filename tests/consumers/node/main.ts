// Compiled, never run: the types a customer meets.

import { TesseraError } from "tessera-portal";
import {
  capabilities,
  init,
  BlindedVerifier,
  SecureEncryption,
  Sender,
  Verifier,
  computeBucket,
  fingerprint,
} from "tessera-portal/sdk";
import type { Capabilities, Portal } from "tessera-portal";
import { fileStore } from "tessera-portal/node";
import { memoryRelay, storeContract } from "tessera-portal/testing";
import { openInWorker } from "tessera-portal/worker";

export async function use(wasm: WebAssembly.Module): Promise<number> {
  await init({ wasm });
  const found: Capabilities = capabilities();
  if (!found) return 0;
  const sender: Sender = Sender.generate();
  try {
    const key: Uint8Array = sender.publicKey;
    const verifier = new BlindedVerifier(new Verifier({ expectedPublicKey: key }), new Uint8Array(32), {
      sessionId: "visit",
    });
    const holds: boolean = verifier.verify(new Uint8Array(64), new Uint8Array(32), "text");
    const { message }: { message: Uint8Array } = await SecureEncryption.decrypt(new Uint8Array(9), sender);
    return holds ? message.length : computeBucket(fingerprint(key), 8);
  } catch (error) {
    // @ts-expect-error codes are a closed set
    if (error instanceof TesseraError && error.code === "NO_SUCH_CODE") return -1;
    return error instanceof TesseraError && error.retryable ? 1 : 2;
  } finally {
    sender.dispose();
  }
}

// @ts-expect-error a key is bytes, not text
new Verifier({ expectedPublicKey: "key" });
// @ts-expect-error a proof needs a session
new BlindedVerifier(new Verifier({ expectedPublicKey: new Uint8Array(64) }), new Uint8Array(32));

export const inWorker: Promise<Portal> = openInWorker({
  relay: memoryRelay(),
  store: fileStore("here"),
  passphrase: "a passphrase",
});
export const cases: readonly string[] = storeContract.map(({ title }) => title);
// @ts-expect-error an option that is not there
void openInWorker({ relay: "https://relay.example", store: fileStore("here"), passphrse: "a passphrase" });
