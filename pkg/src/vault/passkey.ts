/** Passkeys as a way to open a vault: WebAuthn credentials whose PRF extension gives the same 32 bytes each time. */

import { base64 } from "../bytes.js";
import { TesseraError } from "../errors.js";
import { randomBytes } from "../module/webcrypto.js";

const PRF_LENGTH = 32;
/** ES256 and RS256: what platforms have. Nothing is signed with them here. */
const ALGORITHMS = [-7, -257];

/** A credential, and the input of its PRF. */
export interface KnownPasskey {
  readonly id: Uint8Array;
  readonly salt: Uint8Array;
}

/** Makes a credential, which the platform shows under `label`, and passes its PRF output to `use`, wiped afterwards. */
export async function withNewPasskey<T>(
  label: string,
  known: readonly KnownPasskey[],
  use: (passkey: KnownPasskey, output: Uint8Array) => Promise<T>,
): Promise<T> {
  const salt = randomBytes(PRF_LENGTH);
  const created = await ceremony((credentials) =>
    credentials.create({
      publicKey: {
        challenge: randomBytes(32),
        rp: { name: label },
        user: { id: randomBytes(16), name: label, displayName: label },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
        authenticatorSelection: { userVerification: "required", residentKey: "preferred" },
        excludeCredentials: known.map(descriptor),
        extensions: { prf: { eval: { first: salt } } },
      },
    }),
  );
  const passkey = { id: new Uint8Array(created.rawId), salt };
  const { prf } = created.getClientExtensionResults();
  if (prf?.enabled !== true) throw new TesseraError("UNSUPPORTED", "this passkey has no PRF extension");
  // Most authenticators give it only when they are asked the next time.
  return prf.results === undefined
    ? withPasskey([passkey], (output) => use(passkey, output))
    : wiped(prf.results.first, (output) => use(passkey, output));
}

/** Asks for one of these credentials and passes its PRF output to `use`, wiped afterwards. */
export async function withPasskey<T>(
  known: readonly KnownPasskey[],
  use: (output: Uint8Array) => T | Promise<T>,
): Promise<T> {
  if (known.length === 0) throw new TesseraError("WRONG_PASSPHRASE", "no passkey opens this vault");
  const got = await ceremony((credentials) =>
    credentials.get({
      publicKey: {
        challenge: randomBytes(32),
        allowCredentials: known.map(descriptor),
        userVerification: "required",
        extensions: {
          prf: {
            evalByCredential: Object.fromEntries(
              known.map(({ id, salt }) => [base64url(id), { first: salt as BufferSource }]),
            ),
          },
        },
      },
    }),
  );
  const { prf } = got.getClientExtensionResults();
  if (prf?.results === undefined) throw new TesseraError("UNSUPPORTED", "this passkey's PRF extension gave nothing");
  return wiped(prf.results.first, use);
}

async function wiped<T>(result: BufferSource, use: (output: Uint8Array) => T | Promise<T>): Promise<T> {
  const output = ArrayBuffer.isView(result)
    ? new Uint8Array(result.buffer, result.byteOffset, result.byteLength)
    : new Uint8Array(result);
  try {
    if (output.length !== PRF_LENGTH)
      throw new TesseraError("UNSUPPORTED", "this passkey's PRF extension gave another length");
    return await use(output);
  } finally {
    output.fill(0);
  }
}

/** Asks the platform, and turns its refusals into codes. */
async function ceremony(
  ask: (credentials: CredentialsContainer) => Promise<Credential | null>,
): Promise<PublicKeyCredential> {
  const credentials = globalThis.navigator?.credentials;
  if (typeof globalThis.PublicKeyCredential !== "function" || credentials === undefined)
    throw new TesseraError("UNSUPPORTED", "no WebAuthn here");
  let credential: Credential | null;
  try {
    credential = await ask(credentials);
  } catch (cause) {
    const { name } = cause as Error;
    // Also what it says for "there is no such passkey here": it does not tell the two apart.
    if (name === "NotAllowedError" || name === "AbortError")
      throw new TesseraError("ABORTED", "the person or the platform ended it", { cause });
    if (name === "InvalidStateError")
      throw new TesseraError("INVALID_ARGUMENT", "this authenticator opens the vault already", { cause });
    throw new TesseraError("UNSUPPORTED", "the platform refuses passkeys here", { cause });
  }
  if (!(credential instanceof PublicKeyCredential))
    throw new TesseraError("UNSUPPORTED", "the platform gave no passkey");
  return credential;
}

function descriptor({ id }: KnownPasskey): PublicKeyCredentialDescriptor {
  return { type: "public-key", id: id as BufferSource };
}

function base64url(bytes: Uint8Array): string {
  return base64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
