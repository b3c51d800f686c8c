"""Signatures by which the receiver of a webhook knows who sent it, what, and when.

Promises that a signature covers id, time and body together, so that none of them can be exchanged or sent again later
as another. Knows no receiver, and keeps no secret.

Source: Standard Webhooks, specification 1.0 (symmetric signatures, ``v1``).
"""

import base64
import hashlib
import hmac
import os

from deldokument.crypto.errors import IntegrityError

SECRET_PREFIX = "whsec_"  # noqa: S105
_SECRET_BYTES = 32
_LENGTHS = range(24, 65)


def new_secret() -> str:
    """A fresh random secret as receivers are given it: ``whsec_`` and 32 bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(_SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: HMAC-SHA256 (RFC 2104) over ``id.timestamp.body``, as ``v1,<base64>``.

    ``timestamp`` is Unix time in seconds. IntegrityError when the secret is none (24 to 64 bytes, as specified).
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        raise IntegrityError from None
    if len(key) not in _LENGTHS or not secret.startswith(SECRET_PREFIX):
        raise IntegrityError
    return key
