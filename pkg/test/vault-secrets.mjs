/** Opens a vault by its description in docs/vault.md and the platform's own cryptography, to know what must not be found in memory. */

const utf8 = (text) => new TextEncoder().encode(text);
const parts = (...items) => Buffer.concat(items.flatMap((item) => [u32(item.length), item]));
const u32 = (value) => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);

/** The secrets of a vault with one contact. */
export async function secretsOf(store, passphrase) {
  const { kek, vaultKey } = await openHeader(await store.get("vault"), passphrase);
  const record = async (key) =>
    cbor(await open(vaultKey, parts(utf8("tessera/v1/vault/record"), utf8(key)), await store.get(key)));
  const [[contactKey]] = (await store.list("s/c/")).entries;
  const channel = (await record(contactKey))[7];
  const [sending, receiving] = [channel[2], channel[3]];
  const month = {};
  for (const [name, chain] of [
    ["sending", sending],
    ["receiving", receiving],
  ]) {
    for (const use of ["tag", "psk", "blind"])
      month[`month's ${use} key, ${name}`] = await derive(chain, `tessera/v1/month/${use}`);
  }
  return {
    kek,
    "vault key": vaultKey,
    "identity secret": (await record("s/self"))[0],
    "sending chain": sending,
    "receiving chain": receiving,
    ...month,
  };
}

async function openHeader(header, passphrase) {
  const [version, [[kind, salt, iterations, wrapped]]] = cbor(header);
  if (version !== 3 || kind !== 0) throw new Error("not a vault of version 3 with a passphrase");
  const password = await crypto.subtle.importKey("raw", passphrase, "PBKDF2", false, ["deriveBits"]);
  const kek = Buffer.from(
    await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, password, 256),
  );
  // CBOR of [0, salt, iterations]: the iterations of a new vault take four bytes.
  const way = Buffer.concat([Buffer.from([0x83, 0x00, 0x50]), salt, Buffer.from([0x1a]), u32(iterations)]);
  return { kek, vaultKey: await open(kek, parts(utf8("tessera/v1/vault/wrap"), way), wrapped) };
}

async function open(key, additionalData, sealed) {
  const aes = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  return Buffer.from(
    await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: sealed.subarray(0, 12), additionalData },
      aes,
      sealed.subarray(12),
    ),
  );
}

async function derive(key, label) {
  const hkdf = await crypto.subtle.importKey("raw", key, "HKDF", false, ["deriveBits"]);
  return Buffer.from(
    await crypto.subtle.deriveBits(
      { name: "HKDF", hash: "SHA-256", salt: utf8("tessera/v1"), info: parts(utf8(label)) },
      hkdf,
      256,
    ),
  );
}

/** As much CBOR as records need: unsigned integers, byte and text strings, arrays, null. */
function cbor(bytes) {
  let at = 0;
  const take = (length) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  function value() {
    const first = bytes[at++];
    const [major, info] = [first >> 5, first & 31];
    if (first === 0xf6) return null;
    const argument = info < 24 ? info : Number(BigInt(`0x${Buffer.from(take(2 ** (info - 24))).toString("hex")}`));
    if (major === 0) return argument;
    if (major === 2) return Buffer.from(take(argument));
    if (major === 3) return Buffer.from(take(argument)).toString();
    if (major === 4) return Array.from({ length: argument }, value);
    throw new Error(`CBOR of major type ${major}`);
  }
  return value();
}
