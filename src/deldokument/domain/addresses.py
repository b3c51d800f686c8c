"""The e-mail addresses at which those who share and administer want to be told, and what they want to be told.

Promises that an address that is let through fits on one line of a letter's head and in an SMTP command as it stands,
whatever was typed; and that a code is good for one address, for a short while and for few tries. Deliberately knows
neither persons nor keys: the address stands sealed in the record, under a random id.
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
"""So many codes are sent for one person in 24 hours: nobody fills a stranger's mailbox from here."""
_DAY = timedelta(days=1)
_MAX_LENGTH = 254
# What looks like an encoded word (RFC 2047) is taken for one by whoever writes or reads the head of a letter.
_LOCAL = re.compile(r"(?!.*=\?)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MAX_LOCAL_LENGTH = 64
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")


class Language(StrEnum):
    """In which letters are written."""

    BOKMAAL = "nb"
    NYNORSK = "nn"
    ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class NoticeChoices:
    """What a person wants to be told, and in which language."""

    downloaded: bool = True
    ending: bool = True
    approval: bool = True
    signature: bool = True
    language: Language = Language.BOKMAAL


@dataclass(frozen=True, slots=True)
class NoticeAddress:
    """Where a person is told. ``sealed_address`` is the confirmed one, ``sealed_unconfirmed`` waits for its code.

    ``challenge_id``: what the code that was sent last hangs on, empty when none is good. ``codes`` have been sent since
    ``codes_since``.
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
        """What the person wants to be told."""
        return NoticeChoices(self.downloaded, self.ending, self.approval, self.signature, self.language)

    def may_be_challenged_at(self, now: datetime) -> bool:
        """Whether one more code may be sent."""
        return self._codes_at(now) < CODES_A_DAY

    def challenged(self, challenge_id: str, sealed_unconfirmed: bytes, now: datetime) -> NoticeAddress:
        """With another address that waits for its code; codes sent before are good for nothing any more."""
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
        """Whether the code that was sent last can still be typed."""
        return self.challenged_at is not None and now < self.challenged_at + CODE_LIFETIME and self.tries < CODE_TRIES

    def settled(self) -> NoticeAddress:
        """Without an address that waits."""
        return replace(self, sealed_unconfirmed=b"", challenge_id="", challenged_at=None, tries=0)

    def _codes_at(self, now: datetime) -> int:
        return self.codes if self.codes_since is not None and now < self.codes_since + _DAY else 0


def check_address(text: str, *, field: str = "email") -> str:
    """The address as mail servers take it: ASCII, the domain in small letters. Raises InvalidInput.

    A domain with letters of other alphabets gets its ASCII name (IDNA); an address that needs SMTPUTF8 is refused.
    """
    local, _, domain = text.strip().rpartition("@")
    try:
        # The time that the codec takes grows with the square of the length.
        host = domain[: _MAX_LENGTH + 1].encode("idna").decode("ascii").lower()
    except UnicodeError:
        host = ""
    address = f"{local}@{host}"
    fits = len(local) <= _MAX_LOCAL_LENGTH and len(domain) <= _MAX_LENGTH and len(address) <= _MAX_LENGTH
    if not (fits and _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(host)):
        raise InvalidInput(field, "email_malformed")
    return address
