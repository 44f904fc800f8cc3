/** Invitations and ID codes as people pass them on: links, pasted text, QR codes. */

/** What the address of the page holds of an invitation. */
export interface Offered {
  /** The fragment as it came; `accept` finds the invitation in it, or says what is wrong with it. */
  readonly text: string | null;
  /** It stood before the `#`, so that a server has seen its secret. */
  readonly burnt: boolean;
}

/** Takes an invitation out of the address bar at once, so that it stays in no history or bookmark. */
export function takeOfferedInvitation(): Offered {
  const fragment = decoded(location.hash.slice(1));
  const burnt = isInvitation(decoded(location.pathname + location.search));
  const offered = isInvitation(fragment) || CUT_SCHEME.test(fragment);
  if (burnt) history.replaceState(null, "", "/");
  else if (offered) history.replaceState(null, "", location.pathname + location.search);
  return { text: offered && !burnt ? fragment : null, burnt };
}

/** What is left of an invitation that was cut within its scheme. */
const CUT_SCHEME = /^tess(e(ra?)?)?$/i;

export function isInvitation(text: string): boolean {
  return /tessera:/i.test(text);
}

/** Percent-decoded where it can be: a stray `%` is left as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/(%[0-9a-f]{2})+/gi, (escaped) => {
      try {
        return decodeURIComponent(escaped);
      } catch {
        return escaped;
      }
    });
  }
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
