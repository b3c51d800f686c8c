"""Model of who lets others into a share: its author publishes it, and everybody who shares from the account tries.

Kari and Odd are members from the beginning. An administrator, or an operator by a command, makes Lise one later. An
attempt that the rules refuse changes nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.model.explorer import Step

PEOPLE = ("kari", "odd", "lise")
SHARERS = (*PEOPLE, "system")
TITLE = "title"
"""A correction. Every other item lets somebody in."""


class AppliedChange(NamedTuple):
    """A change that was made, by whom, and whether the one who shared was there to decide."""

    item: str
    proposer: str
    approver: str = ""
    sharer_decided: bool = True


@dataclass(frozen=True, slots=True)
class Sharing:
    """A share and the members of its account.

    ``items``: what is asked for. ``acts``: what administrators do, and whether drafts are handed over.
    ``kari``: present, absent or left. ``lise``: a stranger, waiting for confirmation, or present.
    ``earlier``: who could share when it was published. ``waiting``: the proposer and the items of a change.
    """

    author: str = "kari"
    four_eyes: bool = False
    items: tuple[str, ...] = ()
    acts: frozenset[str] = frozenset()
    state: str = "available"
    is_proposed: bool = False
    published_by: tuple[str, str] = ("kari", "odd")
    was_taken: bool = False
    earlier: frozenset[str] = frozenset({"kari", "odd"})
    kari: str = "present"
    lise: str = "stranger"
    waiting: tuple[str, frozenset[str]] | None = None
    applied: frozenset[AppliedChange] = frozenset()

    @property
    def is_sharer_there(self) -> bool:
        """Whether one member decides alone who gets in: the one who shared."""
        return self.author != "system" and (self.author != "kari" or self.kari == "present")


@dataclass(frozen=True, slots=True)
class Rules:
    """Faults of variants of the code, each of which an invariant must find."""

    any_member_lets_in: bool = False
    own_approval_counts: bool = False
    later_members_approve: bool = False
    others_approve_beside_the_sharer: bool = False
    a_correction_covers_the_rest: bool = False
    one_sharer_is_enough: bool = False
    any_member_publishes: bool = False
    any_member_hands_over: bool = False
    those_who_wait_share: bool = False
    drafts_go_to_those_who_wait: bool = False


Attempt = tuple[str, str, Sharing | None]
"""Who tries what, and the state afterwards; None if it is refused."""


def attempts(rules: Rules, state: Sharing) -> Iterator[Attempt]:
    """Yield everything that anybody may try."""
    for who in SHARERS:
        if state.state == "draft":
            yield from _at_draft(rules, state, who)
        for item in state.items if state.state == "available" else ():
            yield who, f"asks for {item}", _asked(rules, state, who, item)
    for who in PEOPLE:
        may = _shares(rules, state, who)
        yield who, "approves", _approved(rules, state, who) if may else None
        yield who, "sends back", replace(state, waiting=None, is_proposed=False) if may else None
    yield from _of_administrators(state)


def steps(rules: Rules, state: Sharing) -> Iterator[Step[Sharing]]:
    """Yield the attempts that change something."""
    for who, action, after in attempts(rules, state):
        if after is not None and after != state:
            yield Step(who, action, after)


def _shares(rules: Rules, state: Sharing, who: str) -> bool:
    if who == "lise":
        return state.lise == "present" or (rules.those_who_wait_share and state.lise == "waiting")
    return who != "kari" or state.kari != "left"


def _at_draft(rules: Rules, state: Sharing, who: str) -> Iterator[Attempt]:
    is_member = _shares(rules, state, who)
    may = is_member and (who == state.author or rules.any_member_publishes)
    proposed = replace(state, is_proposed=True) if state.four_eyes else _published(rules, state, who)
    yield who, "publishes", proposed if may else None
    may = is_member and (who == state.author or rules.any_member_hands_over)
    for colleague in PEOPLE if who != "system" and "handover" in state.acts else ():
        can = _may_take_over(rules, state, colleague) and state.author not in (colleague, "system")
        was_taken = state.was_taken or who != state.author
        given = replace(state, author=colleague, is_proposed=False, was_taken=was_taken)
        yield who, f"hands over to {colleague}", given if may and can else None


def _may_take_over(rules: Rules, state: Sharing, who: str) -> bool:
    if who == "lise" and state.lise == "waiting":
        return rules.drafts_go_to_those_who_wait
    return _shares(rules, state, who) and (who != "kari" or state.kari == "present")


def _published(rules: Rules, state: Sharing, proposer: str, approver: str = "") -> Sharing:
    earlier = frozenset(who for who in PEOPLE if _shares(rules, state, who))
    return replace(state, state="available", is_proposed=False, published_by=(proposer, approver), earlier=earlier)


def _asked(rules: Rules, state: Sharing, who: str, item: str) -> Sharing | None:
    if not _shares(rules, state, who):
        return None
    if item in {one.item for one in state.applied}:
        return state
    is_sharer = who == state.author or rules.any_member_lets_in
    if (item == TITLE or is_sharer) and (not state.four_eyes or rules.one_sharer_is_enough):
        return replace(state, applied=state.applied | {AppliedChange(item, who, sharer_decided=state.is_sharer_there)})
    already = state.waiting[1] if state.waiting and state.waiting[0] == who else frozenset[str]()
    return replace(state, waiting=(who, already | {item}))


def _approved(rules: Rules, state: Sharing, who: str) -> Sharing | None:
    if state.state == "draft":
        is_other = who != state.author or rules.own_approval_counts
        return _published(rules, state, state.author, who) if state.is_proposed and is_other else None
    if state.waiting is None or not _may_approve(rules, state, who, *state.waiting):
        return None
    proposer, items = state.waiting
    new = items - {one.item for one in state.applied}
    added = {AppliedChange(item, proposer, who, state.is_sharer_there) for item in new}
    return replace(state, waiting=None, applied=state.applied | added)


def _may_approve(rules: Rules, state: Sharing, who: str, proposer: str, items: frozenset[str]) -> bool:
    if who == proposer and not rules.own_approval_counts:
        return False
    is_correction = items == {TITLE} or (rules.a_correction_covers_the_rest and TITLE in items)
    if is_correction or proposer == state.author:
        return True
    if state.is_sharer_there and not rules.others_approve_beside_the_sharer:
        return who == state.author
    return who in state.earlier or rules.later_members_approve


def _of_administrators(state: Sharing) -> Iterator[Attempt]:
    if state.kari != "left":
        other = "absent" if state.kari == "present" else "present"
        if "absence" in state.acts:
            yield "administrator", f"marks kari {other}", replace(state, kari=other)
        if "removal" in state.acts:
            waiting = None if state.waiting and state.waiting[0] == "kari" else state.waiting
            is_proposed = state.is_proposed and state.author != "kari"
            yield "administrator", "removes kari", replace(state, kari="left", waiting=waiting, is_proposed=is_proposed)
    if "membership" in state.acts and state.lise == "stranger":
        yield "administrator", "adds lise", replace(state, lise="present")
        yield "operator", "adds lise", replace(state, lise="waiting")
    if state.lise == "waiting":
        yield "administrator", "confirms lise", replace(state, lise="present")
        yield "lise", "confirms lise", None


def _by_the_sharer(state: Sharing) -> bool:
    for one in state.applied:
        if one.item != TITLE and state.author not in (one.proposer, one.approver):
            is_replaced = not one.sharer_decided and one.approver in state.earlier - {one.proposer}
            if not is_replaced:
                return False
    return True


def _by_two(state: Sharing) -> bool:
    pairs = [state.published_by, *((one.proposer, one.approver) for one in state.applied)]
    return not state.four_eyes or all(approver != proposer and approver for proposer, approver in pairs if proposer)


def _by_the_confirmed(state: Sharing) -> bool:
    acted = {state.author, *state.published_by}.union(*({one.proposer, one.approver} for one in state.applied))
    return state.lise == "present" or "lise" not in acted


INVARIANTS: dict[str, Callable[[Sharing], bool]] = {
    "who shared lets in, or in that member's place two, one of them from before": _by_the_sharer,
    "under four eyes it takes two": _by_two,
    "only its author publishes a draft": lambda state: state.state == "draft" or state.published_by[0] == state.author,
    "only its author gives a draft away": lambda state: not state.was_taken,
    "nobody acts who waits for confirmation": _by_the_confirmed,
}
