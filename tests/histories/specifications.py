"""Sequential specifications: what an upload and a share do if one request comes after the other."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tests.histories.linearizability import UNKNOWN, Operation

CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class UploadState:
    """The committed bytes of an upload of a declared length."""

    content: bytes = b""


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes sent at an offset."""

    offset: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The answer to a request at another offset, with the present one."""

    offset: int


def upload(state: UploadState, operation: Operation) -> Iterable[UploadState]:
    """A register that is written by compare-and-set at its length.

    - ``head`` returns the offset; ``content`` returns all bytes.
    - ``patch`` appends at the offset and returns the new one. At another offset it is refused, with the present one.
    - A request that broke off may have appended its first bytes only.
    """
    if operation.name == "head":
        return [state] if operation.output == len(state.content) else []
    if operation.name == "content":
        return [state] if operation.output == state.content else []
    sent: Patch = operation.value
    fits = sent.offset == len(state.content)
    if operation.output == UNKNOWN:
        taken = (sent.content[:count] for count in range(1, len(sent.content) + 1))
        return [state, *(UploadState(state.content + one) for one in taken)] if fits else [state]
    if isinstance(operation.output, Refused):
        return [state] if not fits and operation.output.offset == len(state.content) else []
    after = UploadState(state.content + sent.content)
    return [after] if fits and operation.output == len(after.content) else []


@dataclass(frozen=True, slots=True)
class ShareStatus:
    """State of a share, the end that its sharer has set, and how far a colleague's recipient has come."""

    state: str = "draft"
    end: str = ""
    newcomer: str = "unknown"
    """``unknown``, ``proposed`` or ``recipient``."""


def share(status: ShareStatus, operation: Operation) -> Iterable[ShareStatus]:
    """A share: published once, its end moved while it is available, withdrawn once and for good.

    - ``publish`` succeeds again while the share is available. The draft's own end then counts.
    - ``propose`` is another's: a recipient, who is let in by the sharer's ``approve`` alone. What the sharer approves
      may have changed since, so a refusal is always possible.
    - ``look`` is the recipient's: available, withdrawn, or missing while it is a draft. ``peek`` is the newcomer's.
    - ``see`` is the sharer's: the state, and the end once there is one.
    """
    available = status.state == "available"
    if operation.name in ("look", "peek"):
        is_recipient = operation.name == "look" or status.newcomer == "recipient"
        seen = status.state if is_recipient and status.state != "draft" else "missing"
        return [status] if operation.output == seen else []
    if operation.name == "see":
        return [status] if operation.output == (status.state, status.end) else []
    if operation.name == "approve" and operation.output == CONFLICT:
        return [status]
    proposed = status if status.newcomer == "recipient" else replace(status, newcomer="proposed")
    changes = {
        "publish": (
            status.state in ("draft", "available"),
            status if available else replace(status, state="available", end=operation.value),
        ),
        "withdraw": (available, replace(status, state="withdrawn")),
        "move_end": (available, replace(status, end=operation.value)),
        "propose": (available, proposed),
        "approve": (available and status.newcomer == "proposed", replace(status, newcomer="recipient")),
    }
    may, after = changes[operation.name]
    if operation.output == UNKNOWN:
        return [status, after] if may else [status]
    if operation.output == CONFLICT:
        return [] if may else [status]
    return [after] if may else []
