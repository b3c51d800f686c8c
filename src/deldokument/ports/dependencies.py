"""What the use cases need of the world, as contracts. Each has a suite in tests/contract that every adapter passes.

A port promises what its docstring says, no more; adapters raise the errors of domain.errors and nothing of their own
libraries. Times are aware datetimes in UTC. All methods block; the web runs them in threads.
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

# --- time ------------------------------------------------------------------------------------------------------------


# --- keys ------------------------------------------------------------------------------------------------------------


# --- blobs -----------------------------------------------------------------------------------------------------------


# --- the registers ---------------------------------------------------------------------------------------------------


# --- all of it -------------------------------------------------------------------------------------------------------


SEAL_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class NoticeRules:
    """How notices to recipients are written. ``sender`` is whom text messages are from that name nobody."""

    sender: str = "DelDokument"
    language: Language = Language.BOKMAAL


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """What the operator has decided."""

    public_url: str
    allow_synthetic: bool
    access: AccessRule = field(default_factory=AccessRule)
    max_skew: timedelta = timedelta(seconds=2)
    """A node whose clock is further off serves no bytes."""
    operator: OperatorDetails = field(default_factory=OperatorDetails)
    """What the texts of agreements say of the operator."""
    api_requests_per_minute: int = 600
    """How often one consumer may call the API."""
    max_pending_logins: int = 10_000
    """How many logins may be under way at a time, on all nodes together. Anybody may begin one."""
    resumable_upload_draft: bool = False
    """Whether uploads may come by the IETF's draft, too."""
    seal_every: timedelta = SEAL_EVERY
    """How old the last seal of a chain of events is before what has been added to it is sealed."""
    notices: NoticeRules = NoticeRules()
    webhooks: AddressRule = field(default_factory=AddressRule)
    """Where fagsystemer may have this service send to."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything that the use cases stand on; composed once in bootstrap."""

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
    """None: Altinn's notices are not configured, and recipients are told by whoever shares."""
    mail: EmailSender | None = None
    """None: no mail server is configured, and nobody here is told by e-mail."""
