"""A chain that was tampered with does not hold, and the first event that shows it is named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from deldokument.domain.audit import GENESIS, AuditEvent, EventKind
from deldokument.domain.chain import (
    BEGINNING,
    ChainCheck,
    Checkpoint,
    ExcerptCheck,
    Fault,
    Flaw,
    Link,
    Mark,
    check_chain,
)

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def written(count: int = 5, kind: EventKind = EventKind.SHARE_OPENED) -> list[Link]:
    links, last = [], GENESIS
    for number in range(1, count + 1):
        event = AuditEvent(AT + timedelta(minutes=number), kind, "t", f"share {number}")
        links.append(Link(number, last, event.link(number, last), event.content()))
        last = links[-1].hash
    return links


def mark(link: Link) -> Mark:
    return Mark(link.number, link.hash)


LINKS = written()
HEAD = mark(LINKS[-1])
SEALS = [mark(LINKS[1]), mark(LINKS[3])]


def check(links: list[Link], seals: list[Mark] = SEALS, head: Mark = HEAD) -> Fault | None:
    return check_chain(ChainCheck("t"), links, seals, head)


def test_an_unchanged_chain_verifies() -> None:
    assert check(LINKS) is None
    assert check(LINKS, []) is None
    assert check([], [], BEGINNING) is None


def altered(links: list[Link]) -> list[Link]:
    return [*links[:2], replace(links[2], content=links[1].content), *links[3:]]


def altered_with_a_hash_of_its_own(links: list[Link]) -> list[Link]:
    event = AuditEvent(AT, EventKind.LOGGED_IN, "t")
    return [*links[:2], Link(3, links[1].hash, event.link(3, links[1].hash), event.content()), *links[3:]]


def unreadable(links: list[Link]) -> list[Link]:
    return [*links[:2], replace(links[2], content=None), *links[3:]]


def not_json(links: list[Link]) -> list[Link]:
    said = links[2].content
    assert said
    return [*links[:2], replace(links[2], content=(*said[:4], {"x": float("nan")})), *links[3:]]  # type: ignore[dict-item]


def removed(links: list[Link]) -> list[Link]:
    return links[:2] + links[3:]


def reordered(links: list[Link]) -> list[Link]:
    return [*links[:2], links[3], links[2], links[4]]


def renumbered(links: list[Link]) -> list[Link]:
    return [*links[:2], replace(links[3], number=3), replace(links[2], number=4), links[4]]


def cut_off(links: list[Link]) -> list[Link]:
    return links[:4]


def cut_off_before_a_seal(links: list[Link]) -> list[Link]:
    return links[:2]


def added(_links: list[Link]) -> list[Link]:
    return written(6)


def of_another_chain(links: list[Link]) -> list[Link]:
    event = AuditEvent(AT, EventKind.LOGGED_IN, "other")
    return [Link(1, GENESIS, event.link(1, GENESIS), event.content()), *links[1:]]


@pytest.mark.parametrize(
    ("tamper", "fault"),
    [
        (altered, Fault("t", 3, Flaw.ALTERED)),
        (altered_with_a_hash_of_its_own, Fault("t", 4, Flaw.UNLINKED)),
        (unreadable, Fault("t", 3, Flaw.ALTERED)),
        (not_json, Fault("t", 3, Flaw.ALTERED)),
        (removed, Fault("t", 3, Flaw.MISSING)),
        (reordered, Fault("t", 3, Flaw.MISSING)),
        (renumbered, Fault("t", 3, Flaw.UNLINKED)),
        (cut_off, Fault("t", 5, Flaw.CUT_OFF)),
        (cut_off_before_a_seal, Fault("t", 3, Flaw.CUT_OFF)),
        (added, Fault("t", 6, Flaw.UNKNOWN)),
        (of_another_chain, Fault("t", 1, Flaw.ALTERED)),
    ],
)
def test_the_first_event_that_does_not_hold_is_named(tamper: Callable[[list[Link]], list[Link]], fault: Fault) -> None:
    assert check(tamper(LINKS)) == fault


def test_a_chain_rewritten_with_its_head_does_not_fit_its_seals() -> None:
    rewritten = written(kind=EventKind.SHARE_DENIED)
    assert check(rewritten, [], mark(rewritten[-1])) is None
    assert check(rewritten, SEALS, mark(rewritten[-1])) == Fault("t", 2, Flaw.REWRITTEN)


def test_what_was_rewritten_lies_behind_the_last_mark_that_fits() -> None:
    assert check(LINKS, [SEALS[0], Mark(4, bytes(32))]) == Fault("t", 4, Flaw.REWRITTEN, after=2)
    assert check(LINKS, SEALS, Mark(5, bytes(32))) == Fault("t", 5, Flaw.REWRITTEN, after=4)


def test_a_chain_cut_off_together_with_its_head_does_not_fit_its_seals() -> None:
    assert check(LINKS[:2], SEALS, mark(LINKS[1])) == Fault("t", 3, Flaw.CUT_OFF)


def test_a_chain_is_followed_from_a_mark() -> None:
    follows = ChainCheck("t", mark(LINKS[2]), 3)
    assert check_chain(follows, LINKS[3:], SEALS[1:], HEAD) is None
    assert follows.confirmed == 5


def test_a_chain_is_followed_in_parts_up_to_its_head() -> None:
    follows = ChainCheck("t")
    assert check_chain(follows, LINKS[:2], SEALS, None) is None
    assert (follows.last, follows.confirmed, follows.is_complete) == (mark(LINKS[1]), 2, False)
    assert check_chain(follows, LINKS[2:], SEALS[1:], HEAD) is None
    assert follows.is_complete


def excerpt(links: list[Link]) -> Fault | None:
    check = ExcerptCheck("t")
    return next(filter(None, map(check.follow, links)), None)


def test_an_excerpt_may_leave_events_out() -> None:
    assert excerpt([]) is None
    assert excerpt(LINKS) is None
    assert excerpt([LINKS[0], LINKS[1], LINKS[4]]) is None


def test_an_altered_a_reordered_and_a_replaced_event_of_an_excerpt_are_found() -> None:
    assert excerpt(altered(LINKS)) == Fault("t", 3, Flaw.ALTERED)
    assert excerpt([LINKS[0], LINKS[3], LINKS[1]]) == Fault("t", 2, Flaw.MISSING)
    assert excerpt([LINKS[0], LINKS[0]]) == Fault("t", 1, Flaw.MISSING)
    assert excerpt(altered_with_a_hash_of_its_own(LINKS)[3:]) is None
    assert excerpt([LINKS[1], replaced(LINKS[2])]) == Fault("t", 3, Flaw.UNLINKED)


def test_an_excerpt_with_a_later_event_at_an_earlier_time_is_found() -> None:
    event = AuditEvent(AT - timedelta(hours=1), EventKind.LOGGED_IN, "t")
    earlier = Link(9, GENESIS, event.link(9, GENESIS), event.content())
    assert excerpt([LINKS[0], earlier]) == Fault("t", 9, Flaw.MISSING)


def replaced(link: Link) -> Link:
    """An event that fits its own hash, after another than the one before it."""
    event = AuditEvent(AT + timedelta(hours=1), EventKind.LOGGED_IN, "t")
    return Link(link.number, GENESIS, event.link(link.number, GENESIS), event.content())


def test_a_seals_statement_says_chain_number_hash_and_instant() -> None:
    seal = Checkpoint("t", 5, HEAD.hash, AT, "f", b"signature")
    assert seal.mark == HEAD
    assert seal.statement() == replace(seal, signed_at=AT.astimezone(timezone(timedelta(hours=1)))).statement()
    changes: list[dict[str, object]] = [
        {"chain": "x"},
        {"number": 4},
        {"hash": GENESIS},
        {"signed_at": AT + timedelta(1)},
    ]
    for change in changes:
        assert replace(seal, **change).statement() != seal.statement()  # type: ignore[arg-type]


def test_an_event_that_the_service_did_not_write_is_found_though_its_hash_fits() -> None:
    forged = [*LINKS[:2], replace(LINKS[2], is_forged=True), *LINKS[3:]]
    assert check(forged) == Fault("t", 3, Flaw.FORGED)
