"""RSA keys of the run: each is made once in a process, because to make one takes a tenth of a second of a core."""

from __future__ import annotations

from functools import cache

from joserfc.jwk import RSAKey


@cache
def rsa_key(_name: str) -> RSAKey:
    """The private key of that name, with a kid of its own."""
    return RSAKey.generate_key(2048, auto_kid=True)
