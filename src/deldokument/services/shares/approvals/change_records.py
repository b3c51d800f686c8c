"""A change of a published share, and its sealed form while another member must approve it.

Guarantees:
- A share has at most one proposed change. It opens only for its share, and names its proposer.
- It becomes unreadable with the share key.

Proposals are in `services.shares.approvals.proposals`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Self

from deldokument.domain.identifiers import Identifier
from deldokument.domain.shares.share import Share
from deldokument.domain.shares.text_fields import TEXT_FIELDS
from deldokument.services.encryption import (
    EncryptedColumn,
    identifier_kind,
    message_key,
    open_json,
    seal_json,
    stored_identifier,
)
from deldokument.services.shares.recipients.recipients import CheckedRecipient


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """New values of a published share; None keeps the present value. ``texts`` are by name, ``labels`` by recipient id.

    ``added`` are new recipients, ``documents`` ids of pending documents.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    confidential: bool | None = None
    expires_at: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[Identifier, CheckedRecipient] = field(default_factory=dict)
    documents: tuple[str, ...] = ()

    @property
    def corrected(self) -> list[str]:
        """Names of the texts that change."""
        return [*self.texts, *["label"] * bool(self.labels)]

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return self == type(self)()

    @property
    def details(self) -> dict[str, str]:
        """Details of the events about a proposal of this change."""
        return {"until": self.expires_at.isoformat()} if self.expires_at else {}

    @property
    def entry(self) -> Self:
        """The part of the change that gives access to persons or adds documents.

        A field belongs to it unless named here.
        """
        return replace(self._guarded, texts={}, expires_at=None)

    @property
    def _guarded(self) -> Self:
        """The part of the change that a single member may not make in every account.

        A field belongs to it unless named here.
        """
        shown = {name: text for name, text in self.texts.items() if TEXT_FIELDS[name].is_shown}
        return replace(self, texts=shown, labels={}, confidential=None if self.confidential else self.confidential)

    def divide(self, present_end: datetime, *, is_sharer: bool, four_eyes: bool) -> tuple[Self, Self]:
        """Return the part that one person may change, and the part that needs another member's approval.

        ``is_sharer``: the person is the sharer, and so decides who gets access. Under four eyes, texts that recipients
        see and a later end are also in the second part, even for the sharer.
        """
        if four_eyes:
            is_earlier = self.expires_at is not None and self.expires_at < present_end
            together = replace(self._guarded, expires_at=None if is_earlier else self.expires_at)
        else:
            together = type(self)() if is_sharer else self.entry
        return self._without(together), together

    def _without(self, part: Self) -> Self:
        empty = type(self)()
        taken = [one.name for one in fields(self) if getattr(part, one.name) != getattr(empty, one.name)]
        left = {name: text for name, text in self.texts.items() if name not in part.texts}
        return replace(self, **{name: getattr(empty, name) for name in taken} | {"texts": left})

    def with_later(self, later: Self) -> Self:
        """Return this change merged with a later one. Of two values of a field, the later one applies."""
        return replace(
            self, **{one.name: _merge(getattr(self, one.name), getattr(later, one.name)) for one in fields(self)}
        )


def _merge(old: Any, new: Any) -> Any:
    if isinstance(new, Mapping):
        return {**old, **new}
    if isinstance(new, tuple):
        return (*old, *(one for one in new if one not in old))
    return old if new is None else new


@dataclass(frozen=True, slots=True, repr=False)
class ProposedChange:
    """A change that waits for approval, its proposer (a member or an integration), and since when.

    ``versions``: the manifest hashes of its documents, by id.
    """

    change: Change
    proposer_id: str
    at: datetime
    versions: Mapping[str, str]


def seal_change(share_key: bytes, share_id: str, proposed: ProposedChange) -> bytes:
    """Return the change sealed for its share."""
    change = proposed.change
    content = {
        "by": proposed.proposer_id,
        "at": proposed.at.isoformat(),
        "texts": dict(change.texts),
        "confidential": change.confidential,
        "expires_at": change.expires_at and change.expires_at.isoformat(),
        "documents": proposed.versions,
        "added": [
            [identifier_kind(one), one.value, new.name, new.label, new.confirmed] for one, new in change.added.items()
        ],
    }
    return seal_json(message_key(share_key, share_id), content, EncryptedColumn.PROPOSED_CHANGE, share_id)


def open_change(share_key: bytes | None, share: Share) -> ProposedChange | None:
    """Return the proposed change; None if there is none, or the key is destroyed. Raises: IntegrityError."""
    if share_key is None or not share.sealed_change:
        return None
    key = message_key(share_key, share.id)
    content = open_json(key, share.sealed_change, EncryptedColumn.PROPOSED_CHANGE, share.id)
    change = Change(
        texts=content["texts"],
        confidential=content["confidential"],
        expires_at=datetime.fromisoformat(content["expires_at"]) if content["expires_at"] else None,
        documents=tuple(content["documents"]),
        added={
            stored_identifier(kind, number): CheckedRecipient(name, label, confirmed)
            for kind, number, name, label, confirmed in content["added"]
        },
    )
    return ProposedChange(change, content["by"], datetime.fromisoformat(content["at"]), content["documents"])
