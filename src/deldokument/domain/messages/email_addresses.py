"""E-mail addresses for notices to members and administrators, and their notice choices.

Guarantees:
- An accepted address fits on one line of an e-mail header and in an SMTP command unchanged.
- A code is valid for one address, for 30 minutes and five tries.

The record has no key and no person: it contains the sealed address under a random id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from deldokument.domain.errors import InvalidInput

CODE_LIFETIME = timedelta(minutes=30)
CODE_TRIES = 5
CODE_DIGITS = 8
CODES_A_DAY = 5
"""Codes sent for one person in 24 hours; the limit stops anybody from flooding a stranger's mailbox."""
_DAY = timedelta(days=1)
_MAX_LENGTH = 254
# Mail software reads text that looks like an encoded word (RFC 2047) as one, so «=?» is refused.
_LOCAL = re.compile(r"(?!.*=\?)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MAX_LOCAL_LENGTH = 64
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")


class Language(StrEnum):
    """Language of the e-mails to a person."""

    BOKMAAL = "nb"
    NYNORSK = "nn"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class NoticeChoices:
    """Notices that a person wants, and their language."""

    downloaded: bool = True
    ending: bool = True
    approval: bool = True
    signature: bool = True
    language: Language = Language.BOKMAAL


@dataclass(frozen=True, slots=True)
class NoticeAddress:
    """E-mail address of a person for notices.

    ``sealed_address`` is the confirmed address; ``sealed_unconfirmed`` waits for its code. The last code was derived
    from ``challenge_id``, which is empty while no code is valid. ``codes`` counts those sent since ``codes_since``.
    """

    id: str
    lookup_hash: bytes
    sealed_address: bytes = b""
    confirmed_at: datetime | None = None
    sealed_unconfirmed: bytes = b""
    challenge_id: str = ""
    challenged_at: datetime | None = None
    tries: int = 0
    codes: int = 0
    codes_since: datetime | None = None
    downloaded: bool = True
    ending: bool = True
    approval: bool = True
    signature: bool = True
    language: Language = Language.BOKMAAL

    @property
    def choices(self) -> NoticeChoices:
        """Notices that the person wants."""
        return NoticeChoices(self.downloaded, self.ending, self.approval, self.signature, self.language)

    def may_be_challenged_at(self, now: datetime) -> bool:
        """Return whether another code may be sent."""
        return self._codes_at(now) < CODES_A_DAY

    def start_challenge(self, challenge_id: str, sealed_unconfirmed: bytes, now: datetime) -> NoticeAddress:
        """Return the record with a new address that waits for its code; earlier codes become invalid."""
        codes = self._codes_at(now)
        return replace(
            self,
            sealed_unconfirmed=sealed_unconfirmed,
            challenge_id=challenge_id,
            challenged_at=now,
            tries=0,
            codes=codes + 1,
            codes_since=self.codes_since if codes else now,
        )

    def awaits_code_at(self, now: datetime) -> bool:
        """Return whether the last code can still be entered."""
        return self.challenged_at is not None and now < self.challenged_at + CODE_LIFETIME and self.tries < CODE_TRIES

    def end_challenge(self) -> NoticeAddress:
        """Return the record without an address that waits for its code."""
        return replace(self, sealed_unconfirmed=b"", challenge_id="", challenged_at=None, tries=0)

    def _codes_at(self, now: datetime) -> int:
        return self.codes if self.codes_since is not None and now < self.codes_since + _DAY else 0


def check_address(text: str) -> str:
    """Return the address in the form that mail servers accept: ASCII, with the domain in lower case.

    A domain with non-ASCII letters becomes its ASCII name (IDNA). An address that needs SMTPUTF8 is refused. Raises:
    InvalidInput if the address is malformed.
    """
    local, _, domain = text.strip().rpartition("@")
    try:
        # The codec's running time is quadratic in the length.
        host = domain[: _MAX_LENGTH + 1].encode("idna").decode("ascii").lower()
    except UnicodeError:
        host = ""
    address = f"{local}@{host}"
    fits = len(local) <= _MAX_LOCAL_LENGTH and len(domain) <= _MAX_LENGTH and len(address) <= _MAX_LENGTH
    if not (fits and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(host)):
        raise InvalidInput("email", "email_malformed")
    return address
