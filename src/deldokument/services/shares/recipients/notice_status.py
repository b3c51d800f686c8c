"""The status of a notice to a recipient, as the sharer sees it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from deldokument.domain.messages.outbox import REPLANNED, OutgoingMessage
from deldokument.ports.channels import NoticeKind

OVER, DOWNLOADED, REMOVED = "share_over", "downloaded", "recipient_removed"

_MOOT = frozenset({OVER, DOWNLOADED, REMOVED, REPLANNED})


@dataclass(frozen=True, slots=True)
class NoticeView:
    """The status of a notice, and since when. ``code`` says why it failed. Contains no address."""

    kind: NoticeKind
    state: Literal["sent", "waiting", "failed"]
    at: datetime
    code: str

    @property
    def reminds(self) -> bool:
        """Whether it is a reminder."""
        return self.kind not in {NoticeKind.SHARED, NoticeKind.ADDED, NoticeKind.WITHDRAWN}


def view_notice(message: OutgoingMessage, now: datetime, *, is_over: bool) -> NoticeView | None:
    """Return the status of the notice for sharers.

    None if the notice is moot, because the share ``is_over`` or otherwise, or is a reminder for a later time.
    """
    kind = NoticeKind(message.kind)
    if message.sent_at is not None:
        return NoticeView(kind, "sent", message.sent_at, "")
    if message.given_up_at is None:
        if message.created_at > now or (is_over and kind is not NoticeKind.WITHDRAWN):
            return None
        return NoticeView(kind, "waiting", message.created_at, message.last_error)
    if message.last_error in _MOOT:
        return None
    return NoticeView(kind, "failed", message.given_up_at, message.last_error)
