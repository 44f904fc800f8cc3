"""Writes evidence.json: evidence (protocol §11) by code that shares nothing with the crate. `python3 evidence.py`"""

import hashlib
import json
import pathlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
BASE_Y = 4 * pow(5, -1, P) % P
# The X25519 public key of RFC 7748 §6.1, Alice's.
KEM = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")


def negative(x):
    return x % P % 2 == 1


def sqrt_ratio(u, v):
    """RFC 9496 §4.2: the non-negative root of u/v, or of i·u/v."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    if check in (-u % P, -u * SQRT_M1 % P):
        r = r * SQRT_M1 % P
    return -r % P if negative(r) else r


INVSQRT_A_MINUS_D = sqrt_ratio(1, -1 - D)


def base_x():
    y2 = BASE_Y * BASE_Y % P
    x = sqrt_ratio((y2 - 1) % P, (D * y2 + 1) % P)
    return -x % P if negative(x) else x


def add(p, q):
    (x1, y1), (x2, y2) = p, q
    k = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P,
    )


def mul(s, point=None):
    point = point or (base_x(), BASE_Y)
    out = (0, 1)
    while s:
        if s & 1:
            out = add(out, point)
        point, s = add(point, point), s >> 1
    return out


def encode(point):
    """RFC 9496 §4.3.2."""
    x, y = point
    z, t = 1, x * y % P
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    invsqrt = sqrt_ratio(1, u1 * u2 * u2 % P)
    den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
    z_inv = den1 * den2 * t % P
    if negative(t * z_inv):
        x, y = y * SQRT_M1 % P, x * SQRT_M1 % P
        den_inv = den1 * INVSQRT_A_MINUS_D % P
    else:
        den_inv = den2
    if negative(x * z_inv):
        y = -y % P
    s = den_inv * (z - y) % P
    return (-s % P if negative(s) else s).to_bytes(32, "little")


def lp(x):
    return len(x).to_bytes(4, "big") + x


def parts(label, *items):
    return b"".join(map(lp, (label.encode(), *items)))


def hash_to_scalar(label, *items):
    return int.from_bytes(hashlib.sha512(parts(label, *items)).digest(), "little") % L


def scalar(s):
    return s.to_bytes(32, "little")


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    size = next(i for i in range(4) if n < 1 << (8 << i))
    return bytes([major << 5 | 24 + size]) + n.to_bytes(1 << size, "big")


def cbor(value):
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    return head(4, len(value)) + b"".join(map(cbor, value))


def fingerprint(public):
    return hashlib.sha256(parts("tessera/v1/fingerprint", public)).digest()


def evidence(body, session, sent_at, device, seq, content_type, checked, **altered):
    x = hash_to_scalar("evidence.py", b"witness")
    h = hash_to_scalar("tessera/v1/blind", bytes(range(32)), session)
    public = encode(mul(x)) + KEM
    recipient = fingerprint(encode(mul(x + 1)) + KEM)
    context = recipient + sent_at.to_bytes(8, "big") + bytes([device]) + seq.to_bytes(8, "big")
    context += lp(content_type.encode())
    pseudonym = encode(mul((x + h) % L))
    k = hash_to_scalar("evidence.py", b"nonce", body)
    r = encode(mul(k))
    c = hash_to_scalar("tessera/v1/proof/challenge", pseudonym, r, session, context, body)
    proof = r + scalar((k + c * (x + h)) % L)
    fields = {
        "version": 1,
        "public": public,
        "recipient": recipient,
        "session": session,
        "sent_at": sent_at,
        "device": device,
        "seq": seq,
        "content_type": content_type,
        "h": scalar(h),
        "pseudonym": pseudonym,
        "proof": proof,
        "checked": checked,
    }
    return {**fields, **altered}


def case(name, body=b"Continue metformin 500mg BID.", label=b"visit-7421", checked=None, error=None, after=b"", **altered):
    session = bytes(range(16)) + label
    message = "application/vnd.tessera.message+cbor"
    content_type = message if body[:1] == b"\x82" else "text/plain"
    given = evidence(body, session, 1_795_300_000, 2, 70_000, content_type, checked)
    fields = {**given, **altered}
    out = {"name": name, "evidence": (cbor(list(fields.values())) + after).hex(), "body": body.hex()}
    if error:
        return {**out, "error": error}
    return {
        **out,
        "sender": fingerprint(given["public"]).hex(),
        "recipient": given["recipient"].hex(),
        "sent_at": given["sent_at"],
        "device": given["device"],
        "seq": given["seq"],
        "content_type": content_type,
        "label": label.decode(),
        "checked": checked,
    }


def main():
    two = evidence(b"m", bytes(16), 1, 0, 0, "text/plain", None)
    cases = [
        case("text, not known how it was checked"),
        case("text, by digits", checked=[0, 1_795_200_000]),
        case("text, by a fingerprint", checked=[1, 1_795_200_000]),
        case("text, in person, no label", label=b"", checked=[2, 1_795_200_000]),
        case("text with a file", body=cbor(["See this.", [["application/pdf", "an\u00e1lisis.pdf", b"%PDF"]]])),
        case("an empty body", body=b""),
        case("another time", sent_at=1_795_300_001, error="NOT_AUTHENTIC"),
        case("another recipient", recipient=bytes(32), error="NOT_AUTHENTIC"),
        case("another device", device=3, error="NOT_AUTHENTIC"),
        case("another count", seq=70_001, error="NOT_AUTHENTIC"),
        case("another content type", content_type="text/html", error="NOT_AUTHENTIC"),
        case("another session", session=bytes(16), error="NOT_AUTHENTIC"),
        case("another blinding", h=scalar(7), error="NOT_AUTHENTIC"),
        case("another's pseudonym and proof", pseudonym=two["pseudonym"], proof=two["proof"], h=two["h"], error="NOT_AUTHENTIC"),
        case("version 2", version=2, error="MALFORMED"),
        case("a public key cut short", public=two["public"][:63], error="MALFORMED"),
        case("an h that is not canonical", h=(L + 1).to_bytes(32, "little"), error="MALFORMED"),
        case("a pseudonym that is the identity", pseudonym=bytes(32), error="MALFORMED"),
        case("checked in an unknown way", checked=[3, 1], error="MALFORMED"),
        case("a byte more", after=b"\0", error="MALFORMED"),
        case("no evidence", version=None, error="MALFORMED"),
    ]
    path = pathlib.Path(__file__).with_name("evidence.json")
    path.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n")


main()
