"""Scan policy: for each verdict, whether a document is released, released with a warning, held or refused.

Guarantees:
- A document with malware, or one that failed its integrity check, is refused. No policy changes that.
- A tenant's policy can only be stricter than the operator's.
- An unknown handling in a stored policy, from a later version, holds the document.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from deldokument.domain.shares.share import Verdict


class Handling(StrEnum):
    """How a scanned document is handled, from the least strict to the strictest.

    - RELEASED: recipients get it
    - WARNED: they get it after they have confirmed a warning
    - HELD: they get nothing until a member has released it
    - REFUSED: nobody gets it; not configurable
    """

    RELEASED = "released"
    WARNED = "warned"
    HELD = "held"
    REFUSED = "refused"


ScanPolicy = Mapping[Verdict, Handling]
CHOICES: Final = (Handling.RELEASED, Handling.WARNED, Handling.HELD)
"""What a policy can say about a verdict."""
DEFAULT_POLICY: Final[ScanPolicy] = {
    Verdict.NOT_SCANNED: Handling.RELEASED,
    Verdict.TOO_LARGE: Handling.WARNED,
    Verdict.ENCRYPTED: Handling.WARNED,
    Verdict.ARCHIVE_LIMITS: Handling.WARNED,
    Verdict.UNREADABLE: Handling.WARNED,
    Verdict.STALE: Handling.WARNED,
}
"""The verdicts that a policy decides about, and what applies if the operator sets nothing."""
_STRICTNESS: Final = tuple(Handling)


def handling_of(policy: ScanPolicy, verdict: Verdict) -> Handling:
    """Return how a document with the verdict is handled."""
    if verdict is Verdict.CLEAN:
        return Handling.RELEASED
    return policy.get(verdict, Handling.REFUSED)


def parse_policy(text: str) -> ScanPolicy:
    """Return the operator's policy from a text like ``encrypted=held,stale=released``.

    Other verdicts have the defaults. Raises: ValueError for an unknown verdict or handling.
    """
    given = dict(DEFAULT_POLICY)
    for name, handling in _pairs(text):
        if name not in DEFAULT_POLICY or handling not in CHOICES:
            verdicts, choices = ", ".join(DEFAULT_POLICY), ", ".join(CHOICES)
            raise ValueError(f"must be VERDICT=HANDLING, separated by commas; verdicts {verdicts}; handlings {choices}")
        given[Verdict(name)] = Handling(handling)
    return given


def stricter_policy(policy: ScanPolicy, stored: str) -> ScanPolicy:
    """Return the operator's policy with the stricter handlings of a tenant's stored policy."""
    own = dict(_pairs(stored))
    return {
        verdict: max(handling, _stored_handling(own.get(verdict)), key=_STRICTNESS.index)
        for verdict, handling in policy.items()
    }


def is_stricter(one: Handling, other: Handling) -> bool:
    """Return whether the first handling is stricter."""
    return _STRICTNESS.index(one) > _STRICTNESS.index(other)


def written_policy(policy: ScanPolicy) -> str:
    """Return a tenant's policy as stored text: its verdicts in a fixed order."""
    return ",".join(f"{verdict}={policy[verdict]}" for verdict in DEFAULT_POLICY if verdict in policy)


def _pairs(text: str) -> list[tuple[str, str]]:
    entries = (entry.partition("=") for entry in text.split(",") if entry.strip())
    return [(name.strip(), value.strip()) for name, _, value in entries]


def _stored_handling(stored: str | None) -> Handling:
    if stored is None:
        return Handling.RELEASED
    return Handling(stored) if stored in CHOICES else Handling.HELD
