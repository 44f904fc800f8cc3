/* tslint:disable */
/* eslint-disable */

/**
 * Proves under the pseudonym of one session.
 */
export class BlindedSender {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Blinds the sender's witness with the shared seed.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` unless the seed is 32 bytes and the session id 1–64
     * bytes of UTF-8.
     */
    constructor(sender: Sender, shared_seed: Uint8Array, session_id: string);
    /**
     * `R || z`: 64 bytes.
     */
    prove(message: Uint8Array, context: Uint8Array): Uint8Array;
    /**
     * `Y'`: 32 bytes.
     */
    pseudonym(): Uint8Array;
}

/**
 * Verifies the proofs of one expected identity in one session.
 */
export class BlindedVerifier {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Who is expected, the seed shared with them, and the session.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` unless the seed is 32 bytes and the session id 1–64
     * bytes of UTF-8.
     */
    constructor(verifier: Verifier, shared_seed: Uint8Array, session_id: string);
    /**
     * Whether the pseudonym is the expected one and the proof holds. Bytes
     * of another length or form do not hold.
     */
    verify(proof: Uint8Array, pseudonym: Uint8Array, message: Uint8Array, context: Uint8Array): boolean;
}

/**
 * A key that seals and opens messages.
 */
export class MedcryptKey {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The 32 bytes: an export the caller asked for.
     */
    export(): Uint8Array;
    /**
     * Takes over 32 derived bytes.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` for another length.
     */
    constructor(key: Uint8Array);
    /**
     * `{ text, patientId }` of a wire text.
     *
     * # Errors
     *
     * `MALFORMED` or `NOT_AUTHENTIC`.
     */
    open(wire: string): object;
    /**
     * The wire text of a sealed message.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` for an empty patient id or text that is not UTF-8.
     */
    seal(message: Uint8Array, patient_id: Uint8Array): string;
}

/**
 * Collects proofs of any sessions and verifies them in one product.
 */
export class ProofBatch {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Adds one proof; one that is not even of the form counts as failing.
     */
    add(verifier: BlindedVerifier, proof: Uint8Array, pseudonym: Uint8Array, message: Uint8Array, context: Uint8Array): void;
    /**
     * An empty batch.
     */
    constructor();
    /**
     * One byte per proof, in the order they were added: 1 if it holds.
     */
    verify(): Uint8Array;
}

/**
 * An identity with its secrets.
 */
export class Sender {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    /**
     * The 32 bytes everything follows from: an export the caller asked for.
     */
    exportSecret(): Uint8Array;
    /**
     * The identity of a 32-byte secret.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` for another length; `INVALID_KEY` for the one
     * secret in 2^252 that has no identity.
     */
    static fromSecret(bytes: Uint8Array): Sender;
    /**
     * A fresh identity.
     */
    static generate(): Sender;
    /**
     * `Y || kem_pk`: 64 bytes.
     */
    readonly publicKey: Uint8Array;
}

/**
 * Collects share points; all of them are used.
 */
export class ShareSet {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Adds a point.
     *
     * # Errors
     *
     * `SHARES_INVALID` at x = 0, `INVALID_ARGUMENT` unless y is 32 bytes.
     */
    add(x: number, y: Uint8Array): void;
    /**
     * The secret of the polynomial through all points. Fewer points than the
     * threshold give another secret: what it opens is the proof.
     *
     * # Errors
     *
     * `SHARES_INVALID` for fewer than two, more than 255 or a repeated share.
     */
    combine(): Uint8Array;
    /**
     * An empty set.
     */
    constructor();
}

/**
 * The public identity that proofs are expected from.
 */
export class Verifier {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Parses the expected public key.
     *
     * # Errors
     *
     * `INVALID_ARGUMENT` unless 64 bytes, `INVALID_KEY` for keys the
     * protocol refuses.
     */
    constructor(expected_public_key: Uint8Array);
}

/**
 * The bucket that an address is in.
 *
 * # Errors
 *
 * `INVALID_ARGUMENT` unless the address is 32 bytes and the count a power of
 * two from 1 to 65536.
 */
export function computeBucket(address: Uint8Array, bucket_count: number): number;

/**
 * The share points `{ x, y }` of a 32-byte secret.
 *
 * # Errors
 *
 * `INVALID_ARGUMENT` unless 2 ≤ threshold ≤ shares ≤ 255 and the secret is
 * 32 bytes.
 */
export function emergencySplit(secret_bytes: Uint8Array, threshold: number, shares: number): Array<any>;

/**
 * The 32-byte fingerprint of a public key.
 *
 * # Errors
 *
 * As for [`Verifier::new`].
 */
export function fingerprint(public_key: Uint8Array): Uint8Array;

/**
 * The wire text of a message that WebCrypto sealed.
 *
 * # Errors
 *
 * `INVALID_ARGUMENT` for an empty patient id.
 */
export function medcryptFormat(patient_id: Uint8Array, nonce: Uint8Array, sealed: Uint8Array): string;

/**
 * The rounds of PBKDF2 that the format asks for.
 */
export function medcryptIterations(): number;

/**
 * The salt of a month's key: 16 bytes, not secret.
 *
 * # Errors
 *
 * `INVALID_ARGUMENT` unless the secret is UTF-8 and the month 1–12.
 */
export function medcryptMonthSalt(secret: Uint8Array, year: number, month: number): Uint8Array;

/**
 * `{ patientId, nonce, sealed }` of a wire text, for WebCrypto to open.
 *
 * # Errors
 *
 * `MALFORMED`.
 */
export function medcryptParse(wire: string): object;

/**
 * `{ proof, message }` of a ciphertext sealed to this identity.
 *
 * # Errors
 *
 * `NOT_AUTHENTIC`, whatever was wrong.
 */
export function secureDecrypt(ciphertext: Uint8Array, recipient: Sender): object;

/**
 * `enc || ciphertext || tag` for the recipient.
 *
 * # Errors
 *
 * `INVALID_ARGUMENT` unless the proof is 64 bytes and the key too,
 * `INVALID_KEY` for a key the protocol refuses.
 */
export function secureEncrypt(proof: Uint8Array, message: Uint8Array, recipient: Uint8Array): Uint8Array;

/**
 * Wipes what earlier calls left on the stack. To be called after an object
 * with secrets was freed.
 */
export function wipeStack(): void;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_blindedsender_free: (a: number, b: number) => void;
    readonly __wbg_blindedverifier_free: (a: number, b: number) => void;
    readonly __wbg_medcryptkey_free: (a: number, b: number) => void;
    readonly __wbg_proofbatch_free: (a: number, b: number) => void;
    readonly __wbg_sender_free: (a: number, b: number) => void;
    readonly __wbg_shareset_free: (a: number, b: number) => void;
    readonly __wbg_verifier_free: (a: number, b: number) => void;
    readonly blindedsender_new: (a: number, b: any, c: number, d: number) => [number, number, number];
    readonly blindedsender_prove: (a: number, b: any, c: any) => any;
    readonly blindedsender_pseudonym: (a: number) => any;
    readonly blindedverifier_new: (a: number, b: any, c: number, d: number) => [number, number, number];
    readonly blindedverifier_verify: (a: number, b: any, c: any, d: any, e: any) => number;
    readonly computeBucket: (a: any, b: number) => [number, number, number];
    readonly emergencySplit: (a: any, b: number, c: number) => [number, number, number];
    readonly fingerprint: (a: any) => [number, number, number];
    readonly medcryptFormat: (a: any, b: any, c: any) => [number, number, number, number];
    readonly medcryptIterations: () => number;
    readonly medcryptMonthSalt: (a: any, b: number, c: number) => [number, number, number];
    readonly medcryptParse: (a: number, b: number) => [number, number, number];
    readonly medcryptkey_export: (a: number) => any;
    readonly medcryptkey_new: (a: any) => [number, number, number];
    readonly medcryptkey_open: (a: number, b: number, c: number) => [number, number, number];
    readonly medcryptkey_seal: (a: number, b: any, c: any) => [number, number, number, number];
    readonly proofbatch_add: (a: number, b: number, c: any, d: any, e: any, f: any) => void;
    readonly proofbatch_new: () => number;
    readonly proofbatch_verify: (a: number) => any;
    readonly secureDecrypt: (a: any, b: number) => [number, number, number];
    readonly secureEncrypt: (a: any, b: any, c: any) => [number, number, number];
    readonly sender_exportSecret: (a: number) => any;
    readonly sender_fromSecret: (a: any) => [number, number, number];
    readonly sender_generate: () => number;
    readonly sender_publicKey: (a: number) => any;
    readonly shareset_add: (a: number, b: number, c: any) => [number, number];
    readonly shareset_combine: (a: number) => [number, number, number];
    readonly shareset_new: () => number;
    readonly verifier_new: (a: any) => [number, number, number];
    readonly wipeStack: () => void;
    readonly __wbindgen_exn_store: (a: number) => void;
    readonly __externref_table_alloc: () => number;
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_realloc: (a: number, b: number, c: number, d: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __externref_table_dealloc: (a: number) => void;
    readonly __wbindgen_start: () => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput }} module - Passing `SyncInitInput` directly is deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput } | SyncInitInput): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput> }} module_or_path - Passing `InitInput` directly is deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path: { module_or_path: InitInput | Promise<InitInput> } | InitInput | Promise<InitInput>): Promise<InitOutput>;
