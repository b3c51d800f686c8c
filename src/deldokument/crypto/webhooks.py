"""Webhook signatures, which authenticate the sender, the content and the time of a message.

Guarantees:
- A signature covers id, time and body together, so none of them can be replaced or replayed as another.

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
    """Return a random secret in the receivers' format: ``whsec_`` and 32 bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(_SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``: ``v1,<base64>``.

    It is HMAC-SHA256 (RFC 2104) over ``id.timestamp.body``. ``timestamp`` is Unix time in seconds.
    Raises: IntegrityError if the secret is malformed (the specification requires 24 to 64 bytes).
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
