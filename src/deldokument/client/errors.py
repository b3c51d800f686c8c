"""What can go wrong between a sender's machine and the service.

    ClientError
    ├── NotConfigured  something on this machine: a setting, a key, a file that cannot be shared
    ├── FileChanged    a file is not any more what it was when the sharing of it began
    ├── Refused        the service or Maskinporten has said no; `code` is stable, `detail` is for people
    ├── Unreachable    no answer in spite of several tries, or the service itself has failed
    └── Interrupted    told to stop; what has been uploaded is kept, and the same call goes on from there

Promises that no text holds a person's number, a key or a token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ClientError(Exception):
    """Whatever this library raises by itself."""


class NotConfigured(ClientError):
    """A setting, a key or a file on this machine has to be mended first."""


class FileChanged(ClientError):
    """A file has changed while it was being shared; nothing has been published."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field of a request that breaks a rule, by the service's name of it."""

    field: str
    code: str
    message: str


class Refused(ClientError):
    """The answer is no, and asking again changes nothing."""

    def __init__(self, status: int, code: str, detail: str, faults: Sequence[FieldFault] = ()) -> None:
        lines = [detail or code, *(f"{fault.field}: {fault.message}" for fault in faults)]
        super().__init__("\n".join(lines))
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)


class Unreachable(ClientError):
    """Nobody answers, or not in a way that can be understood."""


class Interrupted(ClientError):
    """`Client.stop` was called; the same call goes on from where it was."""
