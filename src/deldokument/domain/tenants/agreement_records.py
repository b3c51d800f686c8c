"""Signed main agreements (on paper) and service agreements (digital).

Guarantees:
- A signature names the exact text and document that it covers.

Names, numbers and evidence are sealed here; the caller's keys open them.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from deldokument.domain.errors import InvalidInput
from deldokument.domain.tenants.agreement import AgreementKind

MAX_COPY_LENGTH = 20 * 10**6
"""Maximum length in bytes of the stored copy of a main agreement."""

INTENT_LIFETIME = timedelta(minutes=15)
"""Time from «Signer» to the end of the login."""

FRESHNESS_SKEW = timedelta(seconds=3)
"""Tolerance between two clocks that report whole seconds."""

_EARLIEST = date(2000, 1, 1)
_PDF = b"%PDF-"


@dataclass(frozen=True, slots=True)
class PublishedText:
    """Publication of a version by the operator.

    ``sealed_publisher`` is empty if the version was published on the command line.
    """

    kind: AgreementKind
    version: str
    published_at: datetime
    sealed_publisher: bytes = b""


@dataclass(frozen=True, slots=True)
class MainAgreement:
    """Receipt of a signed main agreement (hovedavtale); a correction is a new record.

    ``sha256`` and ``length`` describe the stored copy.
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

    ``text_sha256`` and ``document_sha256`` are those of the text and the PDF that were shown to the signer.
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
    """Contents of a service agreement: the text, the PDF as shown, and the signed PDF."""

    markdown: str
    sealed_document: bytes
    sealed_pdf: bytes


@dataclass(frozen=True, slots=True)
class SigningLogin:
    """Login to confirm a signature, with the salt of the statement to which its nonce commits."""

    state: str
    nonce: str
    code_verifier: str
    salt: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class SigningIntent:
    """A person's intent, in one session, to sign one exact document.

    ``login`` is the last login begun for it. ``outcome`` is empty until that login has ended. Then it is SIGNED, or an
    error code.
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
        """Return whether the intent is too old to lead to a signature."""
        return now - self.created_at > INTENT_LIFETIME


SIGNED = "signed"
"""Outcome of an intent that became a signature."""

SIGNING_LEVEL = "idporten-loa-high"
"""Security level required of the login that confirms a signature."""


def is_login_for(begun_at: datetime, now: datetime, authenticated_at: datetime, issued_at: datetime) -> bool:
    """Return whether the person authenticated after ``begun_at``, even if the clocks differ.

    Compares two durations, each measured on one clock. The provider's clock gives the age of the authentication when
    the token was issued. Our clock gives the time since the request. An authentication before the request has the
    greater age.
    """
    age, asked_ago = issued_at - authenticated_at, now - begun_at
    return -FRESHNESS_SKEW <= age <= asked_ago + FRESHNESS_SKEW


def check_signed_on(signed_on: date | None, today: date) -> date:
    """Return the day on which a main agreement was signed.

    Raises: InvalidInput if it is missing, in the future, or before the year 2000.
    """
    if signed_on is None:
        raise InvalidInput("signed_on", "date_missing")
    if signed_on > today:
        raise InvalidInput("signed_on", "date_in_the_future")
    if signed_on < _EARLIEST:
        raise InvalidInput("signed_on", "date_too_early")
    return signed_on


def check_copy(pdf: bytes) -> bytes:
    """Return the copy of a main agreement.

    Raises: InvalidInput if it is empty, too long or not a PDF.
    """
    if not pdf:
        raise InvalidInput("copy", "copy_missing")
    if len(pdf) > MAX_COPY_LENGTH:
        raise InvalidInput("copy", "copy_too_large")
    if not pdf.startswith(_PDF):
        raise InvalidInput("copy", "copy_not_pdf")
    return pdf
