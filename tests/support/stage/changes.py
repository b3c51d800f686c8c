"""Changes of published shares, as tests make them."""

from datetime import datetime

from deldokument.domain.errors import existing
from deldokument.domain.identifiers import PersonIdentifier, Sharer
from deldokument.domain.shares.text_fields import TEXT_FIELDS
from deldokument.ports.dependencies import Dependencies
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.published import changes


def change_of(**values: object) -> Change:
    """A change, in which the names of texts are keywords too."""
    texts = {name: str(values.pop(name)) for name in TEXT_FIELDS if name in values}
    return Change(texts=texts, **values)  # type: ignore[arg-type]


def change_expiry(deps: Dependencies, sharer: Sharer, share_id: str, until: datetime) -> bool:
    """Move the end, or propose a later one; return whether that waits."""
    return changes.change_share(deps, sharer, share_id, Change(expires_at=until))


def approve_change(deps: Dependencies, person: PersonIdentifier, share_id: str) -> None:
    """Approve the change that waits, as its page shows it."""
    seen = existing(queries.view_share(deps, person, share_id).proposal).seen
    changes.approve_change(deps, person, share_id, seen=seen)
