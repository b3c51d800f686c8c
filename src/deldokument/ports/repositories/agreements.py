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
        """Insert the version; False, with no change, if it is published already."""
        ...

    def published(self, kind: AgreementKind) -> list[PublishedText]:
        """Return the published versions of a text, in no order."""
        ...

    def add_main_agreement(self, agreement: MainAgreement, sealed_pdf: bytes) -> None: ...
    def main_agreements(self, tenant_id: str) -> list[MainAgreement]:
        """Return the tenant's main agreements, last recorded first."""
        ...

    def main_agreement_pdf(self, agreement_id: str) -> bytes | None:
        """Return the encrypted copy; None if there is none."""
        ...

    def add_service_agreement(self, agreement: ServiceAgreement, paper: SignedPaper) -> bool:
        """Insert the agreement; False, with no change, if the tenant has signed that version already."""
        ...

    def service_agreements(self, tenant_id: str) -> list[ServiceAgreement]:
        """Return the tenant's service agreements, last signed first."""
        ...

    def signed_paper(self, agreement_id: str) -> SignedPaper | None: ...

    def add_intent(self, intent: SigningIntent) -> None: ...
    def intent(self, intent_id: str) -> SigningIntent | None: ...
    def intent_by_state(self, state: str) -> SigningIntent | None: ...
    def begin_intent(self, intent_id: str, login: SigningLogin) -> bool:
        """Replace the login of the intent; False, with no change, if the intent is taken."""
        ...

    def take_intent(self, intent_id: str, now: datetime) -> bool:
        """Return whether this call took the intent. It can be taken once, so its login counts once."""
        ...

    def finish_intent(self, intent_id: str, outcome: str) -> None: ...
    def forget_intents(self, created_before: datetime) -> int:
        """Remove intents created before then, and return how many."""
        ...
