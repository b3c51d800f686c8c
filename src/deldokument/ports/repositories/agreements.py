"""Repository contract: published texts, signed agreements, signing intents."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from deldokument.domain.agreement import AgreementKind
from deldokument.domain.agreement_records import (
    MainAgreement,
    PublishedText,
    ServiceAgreement,
    SignedPaper,
    SigningIntent,
    SigningLogin,
)


class AgreementRepository(Protocol):
    """Published texts, signed agreements, signing intents."""

    def publish(self, text: PublishedText) -> bool:
        """False, and nothing changed, when the version is published already."""
        ...

    def published(self, kind: AgreementKind) -> list[PublishedText]:
        """In no order."""
        ...

    def add_main_agreement(self, agreement: MainAgreement, sealed_pdf: bytes) -> None: ...
    def main_agreements(self, tenant_id: str) -> list[MainAgreement]:
        """The last recorded first."""
        ...

    def main_agreement_pdf(self, agreement_id: str) -> bytes | None:
        """The sealed copy."""
        ...

    def add_service_agreement(self, agreement: ServiceAgreement, paper: SignedPaper) -> bool:
        """False, and nothing changed, when the tenant has signed that version already."""
        ...

    def service_agreements(self, tenant_id: str) -> list[ServiceAgreement]:
        """The last signed first."""
        ...

    def signed_paper(self, agreement_id: str) -> SignedPaper | None: ...

    def add_intent(self, intent: SigningIntent) -> None: ...
    def intent(self, intent_id: str) -> SigningIntent | None: ...
    def intent_by_state(self, state: str) -> SigningIntent | None: ...
    def begin_intent(self, intent_id: str, login: SigningLogin) -> bool:
        """Put the login in place of one begun earlier; False, and nothing changed, when the intent is taken."""
        ...

    def take_intent(self, intent_id: str, now: datetime) -> bool:
        """Whether this call took it: the login behind it is good once."""
        ...

    def finish_intent(self, intent_id: str, outcome: str) -> None: ...
    def forget_intents(self, created_before: datetime) -> int:
        """How many there were from before then."""
        ...
