"""Verification of a hash chain of audit events, link by link, in constant memory.

Finds the first event that was altered, removed or moved, and chains that were truncated or rewritten after a
checkpoint. The signatures of checkpoints are in services.audit.checkpoints.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from deldokument.domain.audit import GENESIS, EventContent, canonical, instant_text, link

_LABEL = b"deldokument/audit-seal/1\n"


class Flaw(StrEnum):
    """How an event fails verification."""

    ALTERED = "altered"  # Its content or position does not match its hash.
    MISSING = "missing"  # It is absent or out of order.
    UNLINKED = "unlinked"  # Its previous hash differs from the hash of the event before it.
    CUT_OFF = "cut_off"  # The chain ends before an event that is known to exist.
    UNKNOWN = "unknown"  # It comes after the known end of the chain.
    REWRITTEN = "rewritten"  # Its hash differs from the known hash.
    CHANGED = "changed"  # Every event up to this one holds, but the exported file around them was changed.
    FORGED = "forged"  # The service did not write it: its tag is not valid.
    BEHIND = "behind"  # The database lacks the event of the head that is stored beside the keyring.
    UNSIGNED = "unsigned"  # Its checkpoint was not signed with a trusted certificate.


@dataclass(frozen=True, slots=True)
class Fault:
    """The first event that fails verification.

    A rewritten section may begin anywhere after event number ``after``.
    """

    chain: str
    number: int
    flaw: Flaw
    after: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """An event as stored in its chain. ``content`` is None if it cannot be read.

    ``is_forged``: its tag is not valid. Events in exported files have no tags.
    """

    number: int
    previous: bytes
    hash: bytes
    content: EventContent | None
    is_forged: bool = False

    def fits(self, chain: str) -> bool:
        """Return whether its hash matches its content, number and chain."""
        if self.content is None:
            return False
        try:
            return link(chain, self.number, self.previous, self.content) == self.hash
        except (ValueError, TypeError):
            return False


@dataclass(frozen=True, slots=True)
class Mark:
    """A hash of one event that is known from another source. Number 0 is the beginning."""

    number: int
    hash: bytes


BEGINNING = Mark(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Signed checkpoint (segl): the service saw the event of this number with this hash.

    ``certificate`` is the fingerprint of the service's certificate.
    """

    chain: str
    number: int
    hash: bytes
    signed_at: datetime
    certificate: str
    signature: bytes = b""

    @property
    def mark(self) -> Mark:
        """The number and hash that the checkpoint attests."""
        return Mark(self.number, self.hash)

    def statement(self) -> bytes:
        """Return the bytes that are signed."""
        return _LABEL + canonical([self.chain, self.number, self.hash.hex(), instant_text(self.signed_at)])


@dataclass(slots=True)
class ChainCheck:
    """Verification of a whole chain, from its beginning or from a trusted mark."""

    chain: str
    last: Mark = BEGINNING
    confirmed: int = 0
    """Number of the last event that a mark has confirmed."""
    is_complete: bool = False
    """Whether the known end of the chain has been reached."""

    def follow(self, link: Link) -> Fault | None:
        """Verify the next event. Stop after a fault: further results mean nothing."""
        number = self.last.number + 1
        if link.number != number:
            return Fault(self.chain, number, Flaw.MISSING)
        if link.previous != self.last.hash:
            return Fault(self.chain, number, Flaw.UNLINKED)
        if not link.fits(self.chain):
            return Fault(self.chain, number, Flaw.ALTERED)
        if link.is_forged:
            return Fault(self.chain, number, Flaw.FORGED)
        self.last = Mark(number, link.hash)
        return None

    def confirm(self, mark: Mark) -> Fault | None:
        """Compare a mark with the last followed event.

        A mark of a later event is a fault: the chain was cut off.
        """
        if mark.number > self.last.number:
            return Fault(self.chain, self.last.number + 1, Flaw.CUT_OFF)
        if mark != self.last:
            return Fault(self.chain, mark.number, Flaw.REWRITTEN, self.confirmed)
        self.confirmed = mark.number
        return None

    def end(self, mark: Mark) -> Fault | None:
        """Compare the known end of the chain with the last followed event."""
        if mark.number < self.last.number:
            return Fault(self.chain, mark.number + 1, Flaw.UNKNOWN)
        self.is_complete = True
        return self.confirm(mark)


def check_chain(check: ChainCheck, links: Iterable[Link], signed: Iterable[Mark], head: Mark | None) -> Fault | None:
    """Return the first fault of a chain with its checkpoints, up to its head. Both are in order.

    ``head`` is None while more events follow.
    """
    waiting = iter(signed)
    checkpoint = next(waiting, None)
    for following in links:
        if fault := check.follow(following):
            return fault
        while checkpoint and checkpoint.number <= check.last.number:
            if fault := check.confirm(checkpoint):
                return fault
            checkpoint = next(waiting, None)
    if head is None:
        return None
    return (check.confirm(checkpoint) if checkpoint else None) or check.end(head)


@dataclass(slots=True)
class ExcerptCheck:
    """Verification of events selected from a chain, in order of time.

    Each event is verified by itself; consecutive events are also verified as a chain.
    """

    chain: str
    last: Link | None = None

    def follow(self, link: Link) -> Fault | None:
        """Verify the next event of the excerpt."""
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
