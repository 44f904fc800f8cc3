/** Invitations and fingerprints as people pass them on: links, pasted text, QR codes. */

const SCHEME = "tessera:/";

/** The invitation inside a link, a QR code or pasted text, or null. */
export function invitationIn(text: string): string | null {
  const start = text.indexOf(SCHEME);
  if (start < 0) return null;
  return text.slice(start).trim().split(/\s/, 1)[0] ?? null;
}

/** A link that opens the portal with the invitation in the fragment, which no server ever sees. */
export function invitationLink(uri: string): string {
  return `${location.origin}/#${uri}`;
}

/** Takes the invitation out of the address bar at once, so that it stays in no history or bookmark. */
export function takeOfferedInvitation(): string | null {
  if (location.hash.length < 2) return null;
  const offered = invitationIn(decodeURIComponent(location.hash.slice(1)));
  if (offered !== null) history.replaceState(null, "", location.pathname + location.search);
  return offered;
}

/** Reads the QR code in an image; loads the decoder on first use. */
export async function readQr(image: Blob): Promise<string | null> {
  const { decodeQr } = await import("tessera-portal/scanner");
  return decodeQr(image);
}

/** A SHA-256 fingerprint as hex or base64url, with or without a scheme before it; or null. */
export function fingerprintIn(text: string): Uint8Array | null {
  const bare = text
    .trim()
    .replace(/^[a-z][a-z0-9+.-]*:(.*\/)?/i, "")
    .replace(/\s+/g, "");
  if (/^[0-9a-f]{64}$/i.test(bare))
    return Uint8Array.from(bare.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  if (!/^[\w-]{43}$/.test(bare)) return null;
  return Uint8Array.from(atob(bare.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
