/** Passkeys in a worker: the ceremony runs in the page, which alone has WebAuthn and the person's attention. */

/** What the vault needs of a credential; a `PublicKeyCredential` itself cannot be cloned. */
interface Found {
  readonly rawId: ArrayBuffer;
  readonly extensions: AuthenticationExtensionsClientOutputs;
}

export interface RemoteCredentials {
  create(options: CredentialCreationOptions): Promise<Found | null>;
  get(options: CredentialRequestOptions): Promise<Found | null>;
}

/** For the page: its WebAuthn, if it has any. */
export function offerCredentials(): RemoteCredentials | undefined {
  const credentials = globalThis.navigator?.credentials;
  if (typeof globalThis.PublicKeyCredential !== "function" || credentials === undefined) return undefined;
  const found = (credential: Credential | null): Found | null =>
    credential instanceof PublicKeyCredential
      ? { rawId: credential.rawId, extensions: credential.getClientExtensionResults() }
      : null;
  return {
    create: async (options) => found(await credentials.create(options)),
    get: async (options) => found(await credentials.get(options)),
  };
}

/** For the worker: `navigator.credentials` as the vault uses it. */
export function answerCredentials(remote: RemoteCredentials): void {
  class RemoteCredential {
    readonly rawId: ArrayBuffer;
    readonly #extensions: AuthenticationExtensionsClientOutputs;

    constructor({ rawId, extensions }: Found) {
      this.rawId = rawId;
      this.#extensions = extensions;
    }

    getClientExtensionResults(): AuthenticationExtensionsClientOutputs {
      return this.#extensions;
    }
  }
  const wrapped = (found: Found | null): RemoteCredential | null => found && new RemoteCredential(found);
  const credentials = {
    create: async (options: CredentialCreationOptions) => wrapped(await remote.create(options)),
    get: async (options: CredentialRequestOptions) => wrapped(await remote.get(options)),
  };
  Object.defineProperty(globalThis, "PublicKeyCredential", { value: RemoteCredential, configurable: true });
  Object.defineProperty(globalThis.navigator, "credentials", { value: credentials, configurable: true });
}
