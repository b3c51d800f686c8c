"""Composition of a node: builds adapters from the settings, and `Dependencies` from the adapters.

Only this module, `keys` and `registers` name concrete adapters.

Guarantees:
- A process without a working database, keyring, blob store or clock does not start.
- Keyring and blobs belong to this deployment; only `prepare` claims an empty keyring.
- A process detects at its start which event chains have lost events.
"""

from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from deldokument.adapters.blobs.directory import DirectoryBlobStore
from deldokument.adapters.clock import DatabaseClock, ShiftedClock, SystemClock
from deldokument.adapters.documents.renderer import MarkdownRenderer
from deldokument.adapters.documents.signing import load_seal
from deldokument.adapters.documents.texts import PackageLibrary
from deldokument.adapters.keys.files import read_private
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.media_types import PuremagicMediaTypes
from deldokument.adapters.own_networks import own_networks
from deldokument.adapters.smtp import SmtpMail, SmtpServer, mail_name
from deldokument.adapters.webhook_client import WebhookClient
from deldokument.bootstrap.keys import open_claimed_keyring, prepare_keyring
from deldokument.bootstrap.registers import Registers, open_registers
from deldokument.bootstrap.scanner import open_scanner
from deldokument.bootstrap.schema import is_current
from deldokument.config.groups import MailSettings, S3Settings
from deldokument.config.settings import ConfigurationError, Settings
from deldokument.domain.errors import ServiceError, Unavailable
from deldokument.domain.messages.webhook import AddressRule
from deldokument.domain.service_config import MAX_SIGNATURE_AGE, SEAL_EVERY, NoticeRules, ServiceConfig
from deldokument.domain.shares.policy import AccessRule
from deldokument.domain.tenants.accounts import GIGABYTE
from deldokument.domain.tenants.agreement import OperatorDetails
from deldokument.ports.blobs import BlobStore
from deldokument.ports.channels import EmailSender
from deldokument.ports.clock import Clock
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.documents import DocumentSigner
from deldokument.services.audit.heads import compare_heads
from deldokument.services.encryption import CachedDeploymentKeys
from deldokument.services.maintenance.deployment_claims import claim_store
from deldokument.services.maintenance.seal_requests import WorkerSigner
from deldokument.store.database import Database
from deldokument.store.engine.integrity import ChainsBehind, DamageReports
from deldokument.store.migrations import migrate
from deldokument.store.privileges import grant_privileges

_DEMO_SEAL_EVERY = timedelta(seconds=15)
_SHARED = {field.name for field in fields(ServiceConfig)} & set(Settings.model_fields)
"""Names of settings that use cases read as they are."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """Dependencies of a process, and the resources that it must close."""

    deps: Dependencies
    database: Database
    keyring: SealedKeyring
    registers: Registers

    def close(self) -> None:
        """Close connections and files."""
        self.registers.clients.close()
        self.keyring.close()
        self.database.close()


def prepare(settings: Settings) -> None:
    """Migrate the database, give the processes' roles their privileges, and prepare the keyring for this version.

    Claims the keyring the first time.

    Raises: ServiceError or ConfigurationError.
    """
    url = settings.database_url
    if not is_current(url):
        migrate(url)
    grant_privileges(url, serve=settings.database_serve_role, worker=settings.database_worker_role)
    prepare_keyring(settings)
    database = Database(settings.database_url)
    try:
        open_claimed_keyring(settings, database, is_new=True).close()
    finally:
        database.close()


def build_runtime(settings: Settings, *, holds_seal: bool = False) -> Runtime:
    """Compose the runtime.

    Only a process with ``holds_seal`` reads the sealing key; other processes let the worker seal.

    Raises: ConfigurationError if the schema is not current or a part is missing.
    """
    if not is_current(settings.database_url):
        raise ConfigurationError("the database's schema is not current: run `deldokument migrate`")
    database = Database(settings.database_url)
    registers: Registers | None = None
    try:
        registers = open_registers(settings)
        seal = open_seal(settings) if holds_seal else None
        blobs = open_blobs(settings)
        claim_store(database, blobs)
        keyring = open_claimed_keyring(settings, database)
    except (ServiceError, ConfigurationError) as error:
        database.close()
        if registers is not None:
            registers.clients.close()
        raise ConfigurationError(str(error)) from error
    keys, damage, behind = CachedDeploymentKeys(keyring), DamageReports(), ChainsBehind()
    database = database.authenticated(keys, damage, behind)
    clock = open_clock(settings, database)
    deps = Dependencies(
        clock=clock,
        database=database,
        damage=damage,
        behind=behind,
        keyring=keyring,
        integrity=keys,
        blobs=blobs,
        rights=registers.rights,
        register=registers.organizations,
        login=registers.login,
        tokens=registers.tokens,
        media_types=PuremagicMediaTypes(),
        renderer=MarkdownRenderer(),
        signer=seal or WorkerSigner(database, keyring, clock),
        texts=PackageLibrary(),
        webhook_calls=WebhookClient(_webhook_rule(settings)),
        notices=registers.notices,
        config=service_config(settings, registers.access),
        scanner=open_scanner(settings.scanner) if settings.scanner else None,
        mail=_mail(settings.smtp, settings.public_url) if settings.smtp else None,
    )
    node = Runtime(deps, database, keyring, registers)
    try:
        compare_heads(deps)
    except BaseException:
        node.close()
        raise
    return node


def open_seal(settings: Settings) -> DocumentSigner:
    """Return the seal in the settings' files. Raises: Unavailable."""
    password = settings.seal_key_password.get_secret_value()
    return load_seal(settings.seal_key_path, settings.seal_certificate_path, password)


def service_config(settings: Settings, access: AccessRule) -> ServiceConfig:
    return ServiceConfig(
        **{name: getattr(settings, name) for name in _SHARED},
        access=access,
        operator=_operator(settings),
        notices=NoticeRules(settings.notice_sender, settings.notice_language),
        default_quota=settings.default_quota_gb * GIGABYTE,
        default_undo_window=timedelta(minutes=settings.default_undo_minutes),
        max_signature_age=timedelta(days=settings.scanner.signature_days) if settings.scanner else MAX_SIGNATURE_AGE,
        seal_every=_DEMO_SEAL_EVERY if settings.demo else SEAL_EVERY,
        webhooks=_webhook_rule(settings),
    )


def _operator(settings: Settings) -> OperatorDetails:
    return OperatorDetails(
        name=settings.operator_name,
        number=settings.operator_number or "",
        return_address=settings.agreement_return_address or "",
        contract_party=settings.agreement_contract_party or settings.operator_name,
    )


def _webhook_rule(settings: Settings) -> AddressRule:
    return AddressRule(
        settings.webhook_ports,
        settings.webhook_networks,
        denied=settings.webhook_denied_networks,
        own=own_networks(),
        private=settings.demo,
    )


def open_blobs(settings: Settings) -> BlobStore:
    """Return the blob store of the settings, without checking its owner. Raises: ConfigurationError."""
    return _bucket(settings.blobs_s3) if settings.blobs_s3 else DirectoryBlobStore(settings.blobs_dir)


def _bucket(s3: S3Settings) -> BlobStore:
    try:
        from deldokument.adapters.blobs.s3 import S3BlobStore, S3Place
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"a bucket needs more packages: install deldokument[cluster] ({error})") from None
    place = S3Place(
        endpoint=s3.endpoint,
        bucket=s3.bucket,
        access_key_id=s3.access_key_id,
        secret_access_key=_secret_access_key(s3),
        region=s3.region,
        prefix=s3.prefix,
        path_style=s3.path_style,
    )
    return S3BlobStore(place)


def _secret_access_key(s3: S3Settings) -> str:
    path = s3.secret_access_key_path
    if path is None:
        return s3.secret_access_key.get_secret_value()
    try:
        return read_private(path).decode()
    except (Unavailable, ValueError) as error:
        raise ConfigurationError(f"secret access key {path}: {error}") from None


def open_clock(settings: Settings, database: Database) -> Clock:
    """Return the clock that decides the time of this deployment."""
    if settings.demo:
        return ShiftedClock(demo_clock_file(settings))
    if settings.database_url.startswith("sqlite"):
        return SystemClock()
    return DatabaseClock(database.now)


def demo_clock_file(settings: Settings) -> Path:
    """Return the path of the file that stores the offset of the demo's clock."""
    return settings.data_dir / "clock"


def _mail(smtp: MailSettings, public_url: str) -> EmailSender:
    password = smtp.password.get_secret_value()
    server = SmtpServer(smtp.host, smtp.port, smtp.security, smtp.sender, smtp.username, password)
    return SmtpMail(server, name=mail_name(urlsplit(public_url).hostname or ""))
