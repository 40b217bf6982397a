"""What a facilitator has to know about keys, from the standards: addresses (SS58) and ed25519 (RFC 8032).

sr25519 is left to a program: nothing in Python's own library comes near it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import Optional, Tuple

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def ss58(key: bytes) -> str:
    """The address of a public key, with prefix 42."""
    data = b"\x2a" + key
    data += hashlib.blake2b(b"SS58PRE" + data).digest()[:2]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = ALPHABET[digit] + text
    return text


def verify(program: str, key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the key has signed the message, by the scheme that the signature is of."""
    # schnorrkel sets the highest bit of an sr25519 signature. In ed25519, it belongs to a number that is too small.
    if signature[63] & 0x80:
        arguments = ["key", "verify", "--scheme", "sr25519", "--signatory", ss58(key)]
        arguments += ["--signature", "0x" + signature.hex()]
        return subprocess.run([program, *arguments], input=message, stdout=subprocess.PIPE).returncode == 0
    return _verify_ed25519(key, signature, message)


# RFC 8032, section 5.1: the curve -x^2 + y^2 = 1 + d x^2 y^2 over the integers modulo P, in affine coordinates. Slow,
# and plain to read.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

Point = Tuple[int, int]


def _verify_ed25519(key: bytes, signature: bytes, message: bytes) -> bool:
    public, commitment = _decompress(key), _decompress(signature[:32])
    response = int.from_bytes(signature[32:], "little")
    if public is None or commitment is None or response >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    challenge = int.from_bytes(digest, "little") % ORDER
    base = _decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    assert base is not None
    return _multiply(response, base) == _add(commitment, _multiply(challenge, public))


def _decompress(data: bytes) -> Optional[Point]:
    """Section 5.1.3."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x, y)


def _add(a: Point, b: Point) -> Point:
    """The law of the curve: x is (x1 y2 + y1 x2) / (1 + k), y is (y1 y2 + x1 x2) / (1 - k), k is d x1 x2 y1 y2."""
    k = D * a[0] * b[0] * a[1] * b[1]
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + k, P - 2, P)
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - k, P - 2, P)
    return (x % P, y % P)


def _multiply(number: int, point: Point) -> Point:
    result = (0, 1)
    while number:
        if number & 1:
            result = _add(result, point)
        point, number = _add(point, point), number >> 1
    return result


def main() -> None:
    """Verifies what stands on stdin, for a test of these functions."""
    for line in sys.stdin:
        key, signature, message = (bytes.fromhex(text) for text in json.loads(line))
        valid = verify(sys.argv[1], key, signature, message)
        print(json.dumps({"valid": valid, "ss58": ss58(key)}), flush=True)


if __name__ == "__main__":
    main()
