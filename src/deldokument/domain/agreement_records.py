"""What a tenant and the operator have signed: the main agreement on paper, the service agreement digitally.

Promises that a signature names the exact text and document that it stands under, and one rule for when the login
behind it was made for it. Names, numbers and evidence are sealed here; whoever holds the keys opens them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from deldokument.domain.agreement import AgreementKind
from deldokument.domain.errors import InvalidInput

MAX_COPY_LENGTH = 20 * 10**6
"""The longest copy of a main agreement that is kept, in bytes."""

INTENT_LIFETIME = timedelta(minutes=15)
"""How long a person has from «Signer» to the end of the login."""

FRESHNESS_SKEW = timedelta(seconds=3)
"""What is forgiven between two clocks that tell whole seconds."""

_EARLIEST = date(2000, 1, 1)
_PDF = b"%PDF-"


@dataclass(frozen=True, slots=True)
class PublishedText:
    """That the operator has published a version. ``sealed_publisher`` is empty for the command line."""

    kind: AgreementKind
    version: str
    published_at: datetime
    sealed_publisher: bytes = b""


@dataclass(frozen=True, slots=True)
class MainAgreement:
    """That a signed main agreement has arrived (hovedavtale); a correction is a record anew.

    ``sha256`` and ``length`` are those of the copy.
    """

    id: str
    tenant_id: str
    version: str
    signed_on: date
    recorded_at: datetime
    sha256: str
    length: int
    sealed_signer: bytes


@dataclass(frozen=True, slots=True)
class ServiceAgreement:
    """A digitally signed service agreement (tjenesteavtale), one for each version.

    ``text_sha256`` and ``document_sha256`` are those of the text and the PDF that the signer was shown.
    """

    id: str
    tenant_id: str
    version: str
    organization_number: str
    organization_name: str
    signed_at: datetime
    text_sha256: str
    document_sha256: str
    sealed_signer: bytes
    sealed_evidence: bytes


@dataclass(frozen=True, slots=True)
class SignedPaper:
    """What a service agreement consists of: the text, the PDF that was shown, and the one with the signature."""

    markdown: str
    sealed_document: bytes
    sealed_pdf: bytes


@dataclass(frozen=True, slots=True)
class SigningLogin:
    """The login that shall confirm a signature, and the salt of what its nonce commits to."""

    state: str
    nonce: str
    code_verifier: str
    salt: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class SigningIntent:
    """That a person, in one session, is about to sign one exact document.

    ``login`` is the last one that was begun for it. ``outcome`` is empty until the login is over: then SIGNED, or the
    code of what stood in the way.
    """

    id: str
    tenant_id: str
    session_hash: bytes
    version: str
    text_sha256: str
    document_sha256: str
    sealed_role: bytes
    created_at: datetime
    login: SigningLogin | None = None
    taken_at: datetime | None = None
    outcome: str = ""

    def is_expired(self, now: datetime) -> bool:
        """Whether it took too long."""
        return now - self.created_at > INTENT_LIFETIME


SIGNED = "signed"
"""The outcome of an intent that became a signature."""

SIGNING_LEVEL = "idporten-loa-high"
"""The level of the login that confirms a signature."""


def is_login_for(begun_at: datetime, now: datetime, authenticated_at: datetime, issued_at: datetime) -> bool:
    """Whether a person authenticated after ``begun_at``, though our clock and the provider's may differ by anything.

    Two spans are compared, each told by one clock: how old the authentication was when the provider told of it, and
    how long ago we asked. Who authenticated before we asked has an authentication older than the question.
    """
    age, asked_ago = issued_at - authenticated_at, now - begun_at
    return -FRESHNESS_SKEW <= age <= asked_ago + FRESHNESS_SKEW


def check_signed_on(signed_on: date | None, today: date, *, field: str = "signed_on") -> date:
    """The day a main agreement was signed. Raises InvalidInput for none, one to come, or one before there were any."""
    if signed_on is None:
        raise InvalidInput(field, "date_missing")
    if signed_on > today:
        raise InvalidInput(field, "date_in_the_future")
    if signed_on < _EARLIEST:
        raise InvalidInput(field, "date_too_early")
    return signed_on


def check_copy(pdf: bytes, *, field: str = "copy") -> bytes:
    """The copy of a main agreement. Raises InvalidInput when there is none, or it is too long or no PDF."""
    if not pdf:
        raise InvalidInput(field, "copy_missing")
    if len(pdf) > MAX_COPY_LENGTH:
        raise InvalidInput(field, "copy_too_large")
    if not pdf.startswith(_PDF):
        raise InvalidInput(field, "copy_not_pdf")
    return pdf
