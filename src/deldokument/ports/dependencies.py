"""All ports and settings that a use case receives.

Each port has a contract suite in tests/contract, which every adapter passes. A port guarantees what its docstring says
and nothing more. Adapters raise the errors of domain.errors, never those of their libraries. Times are aware datetimes
in UTC. All methods block; the web runs them in threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from deldokument.domain.addresses import Language
from deldokument.domain.agreement import OperatorDetails
from deldokument.domain.policy import AccessRule
from deldokument.domain.webhook import AddressRule
from deldokument.ports.blobs import BlobStore
from deldokument.ports.channels import EmailSender, Notices, WebhookSender
from deldokument.ports.clock import Clock
from deldokument.ports.documents import DocumentRenderer, DocumentSigner, TextCatalog
from deldokument.ports.inspection import MediaTypes
from deldokument.ports.keyring import Keyring
from deldokument.ports.login import AccessTokens, LoginProvider
from deldokument.ports.registers import OrganizationRegister, OrganizationRights
from deldokument.ports.repositories.transaction import Database

SEAL_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """How notices to recipients are written.

    ``sender`` is the sender name of text messages about confidential shares, and for accounts that have set none.
    """

    sender: str = "DelDokument"
    language: Language = Language.BOKMAAL


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Settings that the operator decides."""

    public_url: str
    allow_synthetic: bool
    access: AccessRule = field(default_factory=AccessRule)
    max_skew: timedelta = timedelta(seconds=2)
    """A node with a larger clock skew serves no bytes."""
    operator: OperatorDetails = field(default_factory=OperatorDetails)
    """The operator's details, as the agreement texts give them."""
    api_requests_per_minute: int = 600
    """Rate limit of one consumer of the API."""
    max_pending_logins: int = 10_000
    """The most pending logins at a time, on all nodes together. A login can be begun without authentication."""
    resumable_upload_draft: bool = False
    """Whether uploads by the IETF's draft for resumable uploads are accepted, in addition to tus."""
    seal_every: timedelta = SEAL_EVERY
    """The minimum age of a chain's last checkpoint before the next one is signed."""
    notices: NoticeRules = NoticeRules()
    webhooks: AddressRule = field(default_factory=AddressRule)
    """The addresses to which webhooks may be sent."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """All ports of the use cases, composed once in bootstrap."""

    clock: Clock
    database: Database
    keyring: Keyring
    blobs: BlobStore
    rights: OrganizationRights
    register: OrganizationRegister
    login: LoginProvider
    tokens: AccessTokens
    media_types: MediaTypes
    press: DocumentRenderer
    seal: DocumentSigner
    library: TextCatalog
    webhook_calls: WebhookSender
    rules: ServiceConfig
    notices: Notices | None = None
    """None: Altinn Notifications is not configured, and the sharer has to inform the recipients."""
    mail: EmailSender | None = None
    """None: no mail server is configured, and members and administrators get no e-mail."""
