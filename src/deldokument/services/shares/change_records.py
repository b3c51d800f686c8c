"""A change of a published share, and its sealed form while another member must approve it.

Guarantees:
- A proposed change opens for its share only, and names its proposer. It ends with the share key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from deldokument.domain.identifiers import Identifier
from deldokument.domain.share import Share
from deldokument.domain.tenancy import Account, Integration, Member
from deldokument.ports.repositories.transaction import Transaction
from deldokument.services.encryption import (
    EncryptedColumn,
    identifier_kind,
    message_key,
    open_field,
    seal_field,
    stored_identifier,
)
from deldokument.services.shares.proposals import living_sharer
from deldokument.services.shares.recipients import CheckedRecipient

_SHOWN = ("title", "message")


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """New values of a published share; None keeps the present one. ``labels`` are by the recipient's id.

    ``added`` are recipients that the share does not have yet, ``documents`` ids of pending documents.
    """

    title: str | None = None
    message: str | None = None
    reference: str | None = None
    confidential: bool | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    added: Mapping[Identifier, CheckedRecipient] = field(default_factory=dict)
    documents: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """Names of the texts that change."""
        names = [name for name in (*_SHOWN, "reference") if getattr(self, name) is not None]
        return names + ["label"] * bool(self.labels)

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not self.texts and self.confidential is None and not self.added and not self.documents

    def divided(self) -> tuple[Change, Change]:
        """Return the part for which one person is enough, and the part that needs another member's approval.

        The second part is what recipients see, and what lets more persons in. A field is there unless it is named here.
        """
        alone = Change(reference=self.reference, labels=self.labels, confidential=self.confidential or None)
        wider = False if self.confidential is False else None
        return alone, replace(self, reference=None, labels={}, confidential=wider)


@dataclass(frozen=True, slots=True, repr=False)
class ProposedChange:
    """A change that waits for approval: by which member or integration, and since when."""

    change: Change
    proposer_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A proposed change as sharers see it; ``added`` are the new recipients, masked or by name."""

    proposer_id: str
    name: str
    at: datetime
    change: Change
    added: tuple[str, ...]
    has_no_other_approver: bool

    @property
    def seen(self) -> str:
        """Value that an approval must carry."""
        return self.at.isoformat()


def seal_change(share_key: bytes, share_id: str, proposed: ProposedChange) -> bytes:
    """Return the change sealed for its share."""
    change = proposed.change
    content = {
        "by": proposed.proposer_id,
        "at": proposed.at.isoformat(),
        "title": change.title,
        "message": change.message,
        "confidential": change.confidential,
        "documents": change.documents,
        "added": [
            [identifier_kind(one), one.value, new.name, new.label, new.confirmed] for one, new in change.added.items()
        ],
    }
    text = json.dumps(content, separators=(",", ":"))
    return seal_field(message_key(share_key, share_id), text, EncryptedColumn.PROPOSED_CHANGE, share_id)


def open_change(share_key: bytes, share: Share) -> ProposedChange | None:
    """Return the change that waits for approval; None if there is none. Raises: IntegrityError."""
    if not share.sealed_change:
        return None
    key = message_key(share_key, share.id)
    content = json.loads(open_field(key, share.sealed_change, EncryptedColumn.PROPOSED_CHANGE, share.id))
    change = Change(
        title=content["title"],
        message=content["message"],
        confidential=content["confidential"],
        documents=tuple(content.get("documents", ())),
        added={
            stored_identifier(kind, number): CheckedRecipient(name, label, confirmed)
            for kind, number, name, label, confirmed in content["added"]
        },
    )
    return ProposedChange(change, content["by"], datetime.fromisoformat(content["at"]))


def change_proposer(tx: Transaction, account: Account, proposed: ProposedChange | None) -> Member | Integration | None:
    """Return who has proposed a change that still waits for approval, otherwise None."""
    return living_sharer(tx, proposed.proposer_id) if proposed and account.rules.four_eyes else None
