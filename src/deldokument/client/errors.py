"""Errors of the library.

    ClientError
    ├── NotConfigured  a fault on this machine: a setting, a key, a file that cannot be shared
    ├── FileChanged    a file changed while it was being shared
    ├── Refused        the service or Maskinporten rejected the request; `code` is stable, `detail` is for people
    ├── Unreachable    no response after several attempts, or the service failed
    └── Interrupted    `Client.stop` was called; uploaded bytes are kept, and the same call resumes there

Guarantees:
- No text contains a person's number, a key or a token.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ClientError(Exception):
    """Base of all errors that this library defines."""


class NotConfigured(ClientError):
    """A setting, a key or a file on this machine must be corrected first."""


class FileChanged(ClientError):
    """A file changed while it was being shared; nothing was published."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """A field of a request that breaks a rule. ``field`` is the field's name in the API."""

    field: str
    code: str
    message: str


class Refused(ClientError):
    """The request was rejected; retrying does not help.

    ``status`` is the HTTP status, ``code`` a stable code, ``detail`` a text for people. ``faults`` names the fields
    that break a rule.
    """

    def __init__(self, status: int, code: str, detail: str, faults: Sequence[FieldFault] = ()) -> None:
        lines = [detail or code, *(f"{fault.field}: {fault.message}" for fault in faults)]
        super().__init__("\n".join(lines))
        self.status = status
        self.code = code
        self.detail = detail
        self.faults = tuple(faults)


class Unreachable(ClientError):
    """No response after several attempts, an invalid response, or a failure of the service."""


class Interrupted(ClientError):
    """`Client.stop` was called; repeat the same call to resume it."""
