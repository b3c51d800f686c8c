"""The certificate to which systems encrypt says what its key is for, and until when."""

from datetime import UTC, datetime, timedelta

from cryptography import x509

from deldokument.crypto.exchange import new_pair

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
UNUSED = (
    "digital_signature",
    "content_commitment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


def test_the_certificate_is_for_wrapped_keys_and_for_nothing_else() -> None:
    found = new_pair("del.example", NOON, timedelta(days=2)).certificate
    assert found.not_valid_before_utc == NOON - timedelta(days=1)
    assert found.not_valid_after_utc == NOON + timedelta(days=2)
    basic = found.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = found.extensions.get_extension_for_class(x509.KeyUsage)
    assert basic.critical
    assert usage.critical
    assert not basic.value.ca
    assert usage.value.key_encipherment is True
    assert [getattr(usage.value, name) for name in UNUSED] == [False] * len(UNUSED)
