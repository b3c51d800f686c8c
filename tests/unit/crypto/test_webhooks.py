"""Webhooks are signed as the Standard Webhooks specification says."""

import base64
import hashlib
import hmac

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.webhooks import new_secret, signature

PUBLISHED_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""Of the examples in the specification's own libraries."""


def test_a_signature_is_the_one_that_the_specifications_libraries_make() -> None:
    signed = signature(PUBLISHED_SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_random_and_of_32_bytes() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


def test_a_signature_covers_id_time_and_body_apart() -> None:
    secret = new_secret()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, b"a.1.body", hashlib.sha256)).decode()
    assert signature(secret, "a", 1, b"body") == f"v1,{expected}"
    others = {signature(secret, *said) for said in [("b", 1, b"body"), ("a", 2, b"body"), ("a", 1, b"bodY")]}
    assert len(others - {f"v1,{expected}"}) == 3


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_AAAA", "whsec_" + "A" * 400, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_æ"]
)
def test_an_invalid_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(IntegrityError):
        signature(secret, "id", 1, b"")


@pytest.mark.parametrize("inserted", ["\n", " ", "-", "=="])
def test_a_secret_with_other_characters_than_base64_signs_nothing(inserted: str) -> None:
    with pytest.raises(IntegrityError):
        signature(f"{PUBLISHED_SECRET[:20]}{inserted}{PUBLISHED_SECRET[20:]}", "id", 1, b"")
