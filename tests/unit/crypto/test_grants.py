"""Claims about grants: they open in their own place only, and in one form."""

from dataclasses import replace

import pytest

from deldokument.crypto import grants
from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.grants import Grant, GrantPlace, open_grant, seal_grant
from deldokument.crypto.keys import Purpose, derive, frame, new_key, seal

KEY = bytes(range(32))
PLACE = GrantPlace("tenant", "account", "share", "recipient")
OLA, FJELL = Grant("person", "21879400108", confirmed=True), Grant("organization", "312824450", confirmed=False)


def forged(encoded: bytes) -> bytes:
    """A grant that no writer writes, sealed with the right key."""
    bound_to = frame(grants.GRANT_LABEL, b"share", b"tenant", b"account", b"share", b"recipient")
    return seal(derive(KEY, Purpose.GRANT, b"share"), encoded, bound_to)


@pytest.mark.parametrize("grant", [OLA, FJELL, replace(OLA, confirmed=False), replace(FJELL, confirmed=True)])
def test_a_grant_is_decrypted_unchanged(grant: Grant) -> None:
    assert open_grant(KEY, PLACE, seal_grant(KEY, PLACE, grant)) == grant


@pytest.mark.parametrize("field", ["tenant_id", "account_id", "share_id", "recipient_id"])
def test_a_grant_opens_in_no_other_place(field: str) -> None:
    sealed = seal_grant(KEY, PLACE, OLA)
    with pytest.raises(IntegrityError):
        open_grant(KEY, replace(PLACE, **{field: "other"}), sealed)


def test_a_grant_opens_with_no_other_key_and_not_when_it_is_missing() -> None:
    for key, sealed in ((new_key(), seal_grant(KEY, PLACE, OLA)), (KEY, b"")):
        with pytest.raises(IntegrityError):
            open_grant(key, PLACE, sealed)


def test_names_of_neighbouring_ids_have_borders() -> None:
    sealed = seal_grant(KEY, GrantPlace("a", "bc", "share", "recipient"), OLA)
    with pytest.raises(IntegrityError):
        open_grant(KEY, GrantPlace("ab", "c", "share", "recipient"), sealed)


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x02\x01\x0121879400108",
        b"\x01\x00\x0121879400108",
        b"\x01\x03\x0121879400108",
        b"\x01\x01\x0221879400108",
        b"\x01\x02\x0121879400108",
        b"\x01\x01\x01312824450",
        b"\x01\x01\x01218794001088",
        b"\x01\x01\x012187940010a",
        b"\x01\x01\x01" + "²".encode() * 5 + b"1",
        b"\x01\x01\x01",
    ],
)
def test_a_grant_has_one_form(encoded: bytes) -> None:
    assert open_grant(KEY, PLACE, forged(b"\x01\x01\x0121879400108")) == OLA
    with pytest.raises(IntegrityError):
        open_grant(KEY, PLACE, forged(encoded))


@pytest.mark.parametrize("identifier", ["", "312824450", "21879400108 ", "2187940010²"])
def test_nothing_but_an_identifier_of_the_kind_is_sealed(identifier: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        seal_grant(KEY, PLACE, replace(OLA, identifier=identifier))


def test_a_grant_does_not_show_its_holder() -> None:
    assert OLA.identifier not in repr(OLA)
