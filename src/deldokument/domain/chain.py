"""Whether a chain of events is as it was written: read link by link, nothing remembered but the last one.

Promises to find the first event that was altered, removed or moved, an end that was cut off, and a chain that was
written anew behind a seal. Does not know where events are kept, nor who signs a seal; see services.audit.checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from deldokument.domain.audit import GENESIS, EventContent, canonical, link

_SEAL_LABEL = b"deldokument/audit-seal/1\n"


class Flaw(StrEnum):
    """What is wrong with the event that a fault names."""

    ALTERED = "altered"  # what it says, or its place, does not give its hash
    MISSING = "missing"  # it is not there, or not in its place
    UNLINKED = "unlinked"  # it names another hash than that of the event before it
    CUT_OFF = "cut_off"  # the chain is known to have come so far, and ends before it
    UNKNOWN = "unknown"  # it stands behind what is known to be the end
    REWRITTEN = "rewritten"  # it has another hash than the one that is known
    CHANGED = "changed"  # up to it every event holds, but what they stand in is not what it was
    UNSIGNED = "unsigned"  # its seal was not signed by the holder of a certificate that is trusted


@dataclass(frozen=True, slots=True)
class Fault:
    """The first event that does not hold. What was rewritten may begin anywhere behind the event ``after``."""

    chain: str
    number: int
    flaw: Flaw
    after: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """An event as it stands in its chain. ``content`` is None when it cannot be read."""

    number: int
    previous: bytes
    hash: bytes
    content: EventContent | None

    def fits(self, chain: str) -> bool:
        """Whether its hash is that of what it says, where it says it."""
        if self.content is None:
            return False
        try:
            return link(chain, self.number, self.previous, self.content) == self.hash
        except (ValueError, TypeError):
            return False


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of a chain from elsewhere: the hash of one of its events. Number 0 is the beginning."""

    number: int
    hash: bytes


BEGINNING = Mark(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Seal:
    """That the service has seen the event of a number with this hash. ``certificate`` is the fingerprint of its own."""

    chain: str
    number: int
    hash: bytes
    sealed_at: datetime
    certificate: str
    signature: bytes = b""

    @property
    def mark(self) -> Mark:
        """What it says of the chain."""
        return Mark(self.number, self.hash)

    def statement(self) -> bytes:
        """What is signed."""
        at = self.sealed_at.astimezone(UTC).isoformat(timespec="microseconds")
        return _SEAL_LABEL + canonical([self.chain, self.number, self.hash.hex(), at])


@dataclass(slots=True)
class ChainCheck:
    """Follows a whole chain from its beginning, or from a mark behind which it is known to hold."""

    chain: str
    last: Mark = BEGINNING
    confirmed: int = 0
    """The last event that a mark has confirmed."""

    def follow(self, link: Link) -> Fault | None:
        """The next event. After a fault there is nothing more to learn."""
        number = self.last.number + 1
        if link.number != number:
            return Fault(self.chain, number, Flaw.MISSING)
        if link.previous != self.last.hash:
            return Fault(self.chain, number, Flaw.UNLINKED)
        if not link.fits(self.chain):
            return Fault(self.chain, number, Flaw.ALTERED)
        self.last = Mark(number, link.hash)
        return None

    def confirm(self, mark: Mark) -> Fault | None:
        """Hold a mark against the event that was followed last: it is of that one, or of one that should have come."""
        if mark.number > self.last.number:
            return Fault(self.chain, self.last.number + 1, Flaw.CUT_OFF)
        if mark != self.last:
            return Fault(self.chain, mark.number, Flaw.REWRITTEN, self.confirmed)
        self.confirmed = mark.number
        return None

    def end(self, mark: Mark) -> Fault | None:
        """Hold what is known to be the end of the chain against the event that was followed last."""
        if mark.number < self.last.number:
            return Fault(self.chain, mark.number + 1, Flaw.UNKNOWN)
        return self.confirm(mark)


def check_chain(check: ChainCheck, links: Iterable[Link], seals: Iterable[Mark], head: Mark) -> Fault | None:
    """The first fault of a chain with its seals, both in order, up to its head."""
    waiting = iter(seals)
    seal = next(waiting, None)
    for following in links:
        if fault := check.follow(following):
            return fault
        while seal and seal.number <= check.last.number:
            if fault := check.confirm(seal):
                return fault
            seal = next(waiting, None)
    return (check.confirm(seal) if seal else None) or check.end(head)


@dataclass(slots=True)
class ExcerptCheck:
    """Follows events picked from a chain, in the order of their times: each by itself, and neighbours as a chain."""

    chain: str
    last: Link | None = None

    def follow(self, link: Link) -> Fault | None:
        """The next event of the excerpt."""
        if not link.fits(self.chain):
            return Fault(self.chain, link.number, Flaw.ALTERED)
        before, self.last = self.last, link
        if before is None:
            return None
        if _place(link) <= _place(before):
            return Fault(self.chain, link.number, Flaw.MISSING)
        if link.number == before.number + 1 and link.previous != before.hash:
            return Fault(self.chain, link.number, Flaw.UNLINKED)
        return None


def _place(link: Link) -> tuple[str, int]:
    return link.content[0] if link.content else "", link.number
