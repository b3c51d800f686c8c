"""When a recipient can ask for more time or a new share, and what the request then is."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from deldokument.domain.shares.access_requests import REQUEST_PERIOD, RequestState, request_state
from deldokument.domain.shares.share import ShareState
from tests.contract.records import DAY, NOW, available, recipient_of

END = NOW + 30 * DAY
SHARE = available(expires_at=END)
WITHDRAWN = replace(SHARE, state=ShareState.WITHDRAWN, closed_at=NOW + DAY)
ASKED, MOMENT = END - DAY, timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("now", "changes", "state"),
    [
        (END - REQUEST_PERIOD - MOMENT, {}, RequestState.NONE),
        (END - REQUEST_PERIOD, {}, RequestState.POSSIBLE),
        (END, {}, RequestState.POSSIBLE),
        (ASKED, {"requested_at": ASKED}, RequestState.ASKED),
        (END + DAY, {"requested_at": ASKED}, RequestState.ASKED),
        (ASKED, {"requested_at": ASKED, "answered_at": ASKED, "sealed_refusal": b""}, RequestState.REFUSED),
        (END + DAY, {"requested_at": ASKED, "answered_at": ASKED, "sealed_refusal": b""}, RequestState.POSSIBLE),
        (END + DAY, {"requested_at": END, "answered_at": END, "sealed_refusal": b""}, RequestState.REFUSED),
        (END + DAY, {"requested_at": END, "answered_at": END}, RequestState.ANSWERED),
    ],
)
def test_a_recipient_has_one_request_at_a_time(now: datetime, changes: dict[str, object], state: RequestState) -> None:
    asking = replace(recipient_of(SHARE), **changes)  # type: ignore[arg-type]
    assert request_state(SHARE, asking, now) is state


@pytest.mark.parametrize(
    ("begun_at", "state"),
    [(None, RequestState.ASKED), (END - MOMENT, RequestState.ASKED), (END, RequestState.BEGUN)],
)
def test_a_draft_is_for_those_who_had_asked_when_it_was_begun(begun_at: datetime | None, state: RequestState) -> None:
    assert request_state(SHARE, recipient_of(SHARE, requested_at=END), END + DAY, begun_at) is state
    answered = recipient_of(SHARE, requested_at=END, answered_at=END)
    assert request_state(SHARE, answered, END + DAY, begun_at) is RequestState.ANSWERED


def test_a_new_share_can_be_asked_for_as_soon_as_a_share_is_withdrawn_if_the_sharer_lets_recipients() -> None:
    refused = recipient_of(SHARE, requested_at=NOW, answered_at=NOW, sealed_refusal=b"")
    assert request_state(WITHDRAWN, refused, NOW + DAY) is RequestState.NONE
    assert request_state(replace(WITHDRAWN, invites=True), refused, NOW + DAY) is RequestState.POSSIBLE
