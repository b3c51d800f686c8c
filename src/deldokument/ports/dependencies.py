"""Ports and settings that a use case receives.

Each port has a contract suite in tests/contract, which every adapter passes. A port guarantees only what its docstring
says. Adapters raise the errors of domain.errors, never those of their libraries. Times are aware datetimes in UTC. All
methods block; the web runs them in threads.
"""

from dataclasses import dataclass, field

from deldokument.domain.service_config import ServiceConfig
from deldokument.ports.blobs import BlobStore
from deldokument.ports.channels import EmailSender, Notices, WebhookSender
from deldokument.ports.clock import Clock
from deldokument.ports.documents import DocumentRenderer, DocumentSigner, TextCatalog
from deldokument.ports.inspection import MediaTypes, Scanner
from deldokument.ports.keyring import Keyring
from deldokument.ports.login import AccessTokens, LoginProvider
from deldokument.ports.registers import OrganizationRegister, OrganizationRights
from deldokument.store.database import Database
from deldokument.store.engine.integrity import ChainsBehind, DamageReports, DeploymentKeys


@dataclass(frozen=True, slots=True)
class Dependencies:
    """All ports of the use cases, composed once in bootstrap."""

    clock: Clock
    database: Database
    keyring: Keyring
    integrity: DeploymentKeys
    blobs: BlobStore
    rights: OrganizationRights
    register: OrganizationRegister
    login: LoginProvider
    tokens: AccessTokens
    media_types: MediaTypes
    renderer: DocumentRenderer
    signer: DocumentSigner
    texts: TextCatalog
    webhook_calls: WebhookSender
    config: ServiceConfig
    damage: DamageReports = field(default_factory=DamageReports)
    """Damaged rows that the database has found; also given to the database."""
    behind: ChainsBehind = field(default_factory=ChainsBehind)
    """Chains that `services.audit.heads` has found behind; also given to the database."""
    notices: Notices | None = None
    """None: Altinn Notifications is not configured, and the sharer has to inform the recipients."""
    scanner: Scanner | None = None
    """None: documents are not scanned for malware, and their recipients see that."""
    mail: EmailSender | None = None
    """None: no mail server is configured, and members and administrators get no e-mail."""

    @property
    def sends_notices(self) -> bool:
        """Whether recipients can be notified."""
        return self.notices is not None
