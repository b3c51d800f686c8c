"""Grants: the sealed proof that a share names a person or an organisation.

Guarantees:
- A grant opens only for its tenant, account, share and recipient, under the key of the share or of its audit trail.
- A grant has only one encoding.

A grant has no age: an older grant, restored to its own place, opens again.
"""

from dataclasses import dataclass

from deldokument.crypto.errors import IntegrityError
from deldokument.crypto.keys import Purpose, derive, frame, open_sealed, seal

GRANT_LABEL = b"deldokument/grant/1"
_SCOPE = b"share"
_VERSION = 1
_HEAD = 3
_KINDS = {"person": (1, 11), "organization": (2, 9)}
"""Byte and number of digits of each kind."""


@dataclass(frozen=True, slots=True)
class GrantPlace:
    """The place that a grant is bound to, in random ids."""

    tenant_id: str
    account_id: str
    share_id: str
    recipient_id: str


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """The holder of a grant, of kind "person" or "organization", and whether the number was confirmed."""

    kind: str
    identifier: str
    confirmed: bool


def seal_grant(key: bytes, place: GrantPlace, grant: Grant) -> bytes:
    """Seal a grant for its place; ``key`` is the share key or the share's audit key.

    Raises: ValueError if the identifier is not one of its kind.
    """
    kind, digits = _KINDS[grant.kind]
    if not _is_identifier(grant.identifier.encode(), digits):
        raise ValueError("not an identifier of this kind")
    encoded = bytes([_VERSION, kind, grant.confirmed]) + grant.identifier.encode()
    return seal(_key(key, place), encoded, _bound_to(place))


def open_grant(key: bytes, place: GrantPlace, sealed: bytes) -> Grant:
    """Return the grant that was sealed under this key for this place.

    Raises: IntegrityError.
    """
    encoded = open_sealed(_key(key, place), sealed, _bound_to(place))
    for name, (kind, digits) in _KINDS.items():
        for confirmed in (False, True):
            is_head = encoded[:_HEAD] == bytes([_VERSION, kind, confirmed])
            if is_head and _is_identifier(encoded[_HEAD:], digits):
                return Grant(name, encoded[_HEAD:].decode(), confirmed)
    raise IntegrityError


def _is_identifier(encoded: bytes, digits: int) -> bool:
    return len(encoded) == digits and encoded.isdigit()


def _key(key: bytes, place: GrantPlace) -> bytes:
    return derive(key, Purpose.GRANT, place.share_id.encode())


def _bound_to(place: GrantPlace) -> bytes:
    ids = place.tenant_id, place.account_id, place.share_id, place.recipient_id
    return frame(GRANT_LABEL, _SCOPE, *(each.encode() for each in ids))
