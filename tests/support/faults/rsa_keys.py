"""RSA keys of the run. Each is made once, in a tenth of a second of a core, and loaded once, in half of that."""

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from joserfc import _rfc7518
from joserfc.jwk import RSAKey

_Binding = _rfc7518.rsa_key.RSABinding


@cache
def rsa_key(_name: str) -> RSAKey:
    """The private key of that name, with a kid of its own."""
    return RSAKey.generate_key(2048, auto_kid=True)


def load_each_key_once() -> None:
    """Keep the private keys that this process loads: whether its numbers are primes is tested each time otherwise."""
    load, loaded = _Binding.import_private_key, dict[str, RSAPrivateKey]()

    def load_once(numbers: Any) -> RSAPrivateKey:
        text = json.dumps(numbers, sort_keys=True)
        if text not in loaded:
            loaded[text] = load(numbers)
        return loaded[text]

    _Binding.import_private_key = load_once
