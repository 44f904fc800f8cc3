/** What this platform can do, asked before anything is fetched. */

export interface Capabilities {
  /** WebAssembly with 128-bit SIMD, which the module needs. Absent in Safari's Lockdown Mode and before 16.4. */
  readonly webAssembly: boolean;
  /** WebCrypto; absent outside secure contexts. */
  readonly subtleCrypto: boolean;
  readonly indexedDB: boolean;
  /** Whether IndexedDB keeps a non-extractable `CryptoKey`; `null` until `probeCapabilities()` has tried. */
  readonly indexedDBCryptoKey: boolean | null;
  /** Whether tabs and workers can agree on who has a store open. */
  readonly webLocks: boolean;
  /** Whether persistent storage can be asked for; not in workers. */
  readonly storagePersistence: boolean;
  /**
   * Whether a page of another web origin shows this one in a frame. Browsers then keep its storage apart from that of a tab, and do not
   * promise to keep it.
   */
  readonly framed: boolean;
  /** Whether a camera can be asked for. */
  readonly camera: boolean;
  /** Whether WebAuthn has the PRF extension; `null` until `probeCapabilities()` has asked. */
  readonly webAuthnPrf: boolean | null;
}

/** `(func (result v128) (i8x16.splat (i32.const 0)))` with a popcount: valid only with SIMD. */
const SIMD_MODULE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

/** What is known at once. */
export function capabilities(): Capabilities {
  const subtleCrypto = globalThis.crypto?.subtle !== undefined;
  const indexedDB = typeof globalThis.indexedDB === "object" && globalThis.indexedDB !== null;
  return Object.freeze({
    webAssembly: typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(SIMD_MODULE)),
    subtleCrypto,
    indexedDB,
    indexedDBCryptoKey: subtleCrypto && indexedDB ? null : false,
    webLocks: typeof globalThis.navigator?.locks?.request === "function",
    storagePersistence: typeof globalThis.navigator?.storage?.persist === "function",
    framed: isFramed(),
    camera: typeof globalThis.navigator?.mediaDevices?.getUserMedia === "function",
    webAuthnPrf: typeof globalThis.PublicKeyCredential === "function" ? null : false,
  });
}

/** Looks at every page around this one: browsers part storage if any of them is of another site, even below a page of this one. */
function isFramed(): boolean {
  if (typeof window === "undefined") return false;
  try {
    for (let page: Window = window; page !== page.parent; page = page.parent)
      if (page.parent.location.origin !== location.origin) return true;
    return false;
  } catch {
    return true; // the address of a page of another origin cannot be read
  }
}

/** The same, with the two answers that take a try. */
export async function probeCapabilities(): Promise<Capabilities> {
  const now = capabilities();
  const [indexedDBCryptoKey, webAuthnPrf] = await Promise.all([
    now.indexedDBCryptoKey ?? keepsCryptoKeys(),
    now.webAuthnPrf ?? hasPrf(),
  ]);
  return Object.freeze({ ...now, indexedDBCryptoKey, webAuthnPrf });
}

async function keepsCryptoKeys(): Promise<boolean> {
  const name = "tessera-portal-probe";
  try {
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt"]);
    const opening = indexedDB.open(name);
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    const database = await settled(opening);
    try {
      await settled(database.transaction("keys", "readwrite").objectStore("keys").put(key, 0));
      return true;
    } finally {
      database.close();
      indexedDB.deleteDatabase(name);
    }
  } catch {
    return false; // private modes throw here
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function hasPrf(): Promise<boolean> {
  const credentials = PublicKeyCredential as unknown as {
    getClientCapabilities?: () => Promise<Record<string, boolean>>;
  };
  try {
    return (await credentials.getClientCapabilities?.())?.["extension:prf"] === true;
  } catch {
    return false;
  }
}
