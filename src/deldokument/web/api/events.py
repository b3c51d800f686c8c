"""Route for the events of a share."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from deldokument.domain.errors import InvalidInput
from deldokument.services.shares.display.history import HistoryEvent, share_history
from deldokument.store.audit.audit import Place
from deldokument.web.api.cursors import Cursor, Limit, read_cursor, write_cursor
from deldokument.web.api.dependencies import ApiContext
from deldokument.web.api.models import Given, Instant, Items
from deldokument.web.api.openapi import problems

router = APIRouter(prefix="/shares/{share_id}", tags=["events"])


class ShareEvent(Given):
    """Something that happened to a share. Later versions add values of `event`.

    `person`: the masked recipient who opened or downloaded. `system`: the organisation whose system acted.
    `expires_at`: the end that the event set.
    """

    at: Instant
    event: Annotated[str, Field(examples=["share_published"])]
    person: str | None
    system: str | None
    document_id: str | None
    expires_at: Instant | None


@router.get("/events", summary="List the events of a share", responses=problems(404))
def get_events(call: ApiContext, share_id: str, limit: Limit = 50, cursor: Cursor = "") -> Items[ShareEvent]:
    """Return the events, oldest first. A page may have fewer items than `limit`; go on while `next` is not null."""
    found = share_history(call.deps, call.consumer, share_id, after=_place(cursor), limit=limit)
    place = (found.next[0], str(found.next[1])) if found.next else None
    return Items(items=[_event(one) for one in found.events], next=write_cursor(place))


def _place(cursor: str) -> Place | None:
    place = read_cursor(cursor, 1)
    if place is None:
        return None
    at, [number] = place
    if not (number.isdigit() and len(number) < 19):
        raise InvalidInput("cursor", "cursor_malformed")
    return at, int(number)


def _event(one: HistoryEvent) -> ShareEvent:
    return ShareEvent(
        at=one.at,
        event=one.kind.value,
        person=one.person or None,
        system=one.system or None,
        document_id=one.document_id or None,
        expires_at=one.until,
    )
