"""The chain over the audit trail shows every later change."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from deldokument.domain.audit import GENESIS, NO_TENANT, AuditEvent, EventKind

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EVENT = AuditEvent(AT, EventKind.SHARE_OPENED, "t", "s", "p", {"ground": "named", "count": 1})


def chained(events: list[AuditEvent]) -> list[bytes]:
    links = [GENESIS]
    for number, event in enumerate(events, start=1):
        links.append(event.link(number, links[-1]))
    return links[1:]


@pytest.mark.parametrize(
    "change",
    [
        {"at": AT + timedelta(microseconds=1)},
        {"kind": EventKind.SHARE_DENIED},
        {"tenant_id": None},
        {"share_id": "x"},
        {"subject_id": None},
        {"details": None},
        {"details": {"ground": "named", "count": "1"}},
    ],
)
def test_an_event_that_is_changed_links_otherwise(change: dict[str, object]) -> None:
    assert replace(EVENT, **change).link(1, GENESIS) != EVENT.link(1, GENESIS)  # type: ignore[arg-type]


def test_an_event_in_another_place_links_otherwise() -> None:
    assert EVENT.link(2, GENESIS) != EVENT.link(1, GENESIS)
    assert EVENT.link(1, bytes([1] * 32)) != EVENT.link(1, GENESIS)


def test_events_without_a_tenant_have_a_separate_chain() -> None:
    assert (EVENT.chain, replace(EVENT, tenant_id=None).chain) == ("t", NO_TENANT)


def test_the_hash_is_what_the_page_for_auditors_says() -> None:
    text = '["t",7,"2026-11-24T12:00:00.000000+00:00","share_opened","s","p",{"count":1,"ground":"named"}]'
    assert EVENT.link(7, GENESIS) == hashlib.sha256(GENESIS + text.encode()).digest()


def test_removing_or_reordering_events_changes_every_link_that_follows() -> None:
    events = [replace(EVENT, share_id=str(number)) for number in range(4)]
    links = chained(events)
    assert len(set(links)) == 4
    assert chained(events[1:])[-1] != links[-1]
    assert chained([events[1], events[0], *events[2:]])[-1] != links[-1]


def test_one_event_has_one_link_in_any_time_zone_and_order_of_its_details() -> None:
    elsewhere = replace(EVENT, at=AT.astimezone(timezone(timedelta(hours=2))), details={"count": 1, "ground": "named"})
    assert elsewhere.link(1, GENESIS) == EVENT.link(1, GENESIS)


def test_missing_and_empty_details_give_the_same_hash() -> None:
    assert replace(EVENT, details={}).link(1, GENESIS) == replace(EVENT, details=None).link(1, GENESIS)


@pytest.mark.parametrize(
    ("kind", "details", "expected"),
    [
        (EventKind.DOCUMENT_DOWNLOADED, {"bytes": 1, "whole": 0}, False),
        (EventKind.DOCUMENT_DOWNLOADED, {"bytes": 9, "whole": 1}, True),
        (EventKind.DOCUMENT_DOWNLOADED, None, False),
        (EventKind.SHARE_OPENED, {"whole": 1}, False),
    ],
)
def test_bytes_that_complete_no_document_are_no_download(
    kind: EventKind, details: dict[str, str | int] | None, expected: bool
) -> None:
    assert AuditEvent(AT, kind, details=details).is_download is expected


@pytest.mark.parametrize(
    ("kind", "details", "row"),
    [
        (EventKind.TENANT_FROZEN, {"reason": "security"}, ("tenant", "t")),
        (EventKind.ACCOUNT_CLOSED, {"account": "a"}, ("account", "a")),
        (EventKind.MEMBER_REMOVED, {"account": "a", "member": "m"}, ("member", "m")),
        (EventKind.WEBHOOK_ADDED, {"account": "a", "webhook": "w", "integration": "i"}, ("webhook", "w")),
        (EventKind.MEMBER_ERASED, None, None),
        (EventKind.SHARE_OPENED, {"account": "a"}, None),
    ],
)
def test_an_event_about_a_row_names_it(
    kind: EventKind, details: dict[str, str | int] | None, row: tuple[str, str] | None
) -> None:
    assert replace(EVENT, kind=kind, details=details).row == row
