"""The front door: settings become adapters, adapters a world, a world the web application or the worker.

Only this module, `unlocking` (the keyring) and `registers` name concrete adapters.

Guarantees
- A process that cannot have its database, keyring, blobs or clock does not start.
- Keyring and blobs are this deployment's; an empty keyring is taken into use by `prepare` alone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from deldokument import __version__
from deldokument.adapters.blobs.directory import DirectoryBlobStore
from deldokument.adapters.clock import DatabaseClock, ShiftedClock, SystemClock
from deldokument.adapters.documents.renderer import MarkdownRenderer
from deldokument.adapters.documents.signing import load_seal
from deldokument.adapters.documents.texts import PackageLibrary
from deldokument.adapters.keys.files import read_private
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.media_types import PuremagicMediaTypes
from deldokument.adapters.smtp import SmtpMail, SmtpServer, mail_name
from deldokument.adapters.sql.database import SqlDatabase
from deldokument.adapters.sql.migrations import is_current, migrate
from deldokument.adapters.webhook_client import WebhookClient
from deldokument.bootstrap.keys import open_claimed_keyring, prepare_keyring
from deldokument.bootstrap.registers import Registers, access_rule, given, open_registers, secret_text
from deldokument.config.settings import ConfigurationError, Settings
from deldokument.domain.agreement import OperatorDetails
from deldokument.domain.errors import ServiceError, Unavailable
from deldokument.domain.webhook import AddressRule
from deldokument.ports.blobs import BlobStore
from deldokument.ports.channels import EmailSender
from deldokument.ports.clock import Clock
from deldokument.ports.dependencies import SEAL_EVERY, Dependencies, NoticeRules, ServiceConfig
from deldokument.services.maintenance.deployment_claims import claim_store
from deldokument.web.http.site import Site

_DEMO_SEAL_EVERY = timedelta(seconds=15)
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
log = logging.getLogger("deldokument")


@dataclass(frozen=True, slots=True)
class Runtime:
    """A process's world, and what it must close."""

    deps: Dependencies
    database: SqlDatabase
    keyring: SealedKeyring
    registers: Registers

    def close(self) -> None:
        """Let go of connections and files."""
        self.registers.clients.close()
        self.keyring.close()
        self.database.close()


def prepare(settings: Settings) -> None:
    """Bring database and keyring to what this version needs; the first time, take the keyring into use.

    Raises ServiceError or ConfigurationError.
    """
    migrate(settings.database_url)
    prepare_keyring(settings)
    database = SqlDatabase(settings.database_url)
    try:
        open_claimed_keyring(settings, database, is_new=True).close()
    finally:
        database.close()


def build_runtime(settings: Settings) -> Runtime:
    """Compose the world. Raises ConfigurationError when a part of it is not there."""
    if not is_current(settings.database_url):
        raise ConfigurationError("the database's schema is not current: run `deldokument migrate`")
    database = SqlDatabase(settings.database_url)
    registers: Registers | None = None
    try:
        registers = open_registers(settings)
        seal = load_seal(
            settings.seal_key_path, settings.seal_certificate_path, secret_text(settings.seal_key_password)
        )
        blobs = _blobs(settings)
        claim_store(database, blobs)
        keyring = open_claimed_keyring(settings, database)
    except (ServiceError, ConfigurationError) as error:
        database.close()
        if registers is not None:
            registers.clients.close()
        raise ConfigurationError(str(error)) from error
    deps = Dependencies(
        clock=_clock(settings, database),
        database=database,
        keyring=keyring,
        blobs=blobs,
        rights=registers.rights,
        register=registers.organizations,
        login=registers.login,
        tokens=registers.tokens,
        media_types=PuremagicMediaTypes(),
        press=MarkdownRenderer(),
        seal=seal,
        library=PackageLibrary(),
        webhook_calls=WebhookClient(_webhook_rule(settings)),
        notices=registers.notices,
        rules=ServiceConfig(
            public_url=settings.public_url,
            allow_synthetic=settings.allow_synthetic,
            access=access_rule(settings),
            operator=_operator(settings),
            notices=NoticeRules(settings.notice_sender, settings.notice_language),
            api_requests_per_minute=settings.api_requests_per_minute,
            resumable_upload_draft=settings.resumable_upload_draft,
            seal_every=_DEMO_SEAL_EVERY if settings.demo else SEAL_EVERY,
            webhooks=_webhook_rule(settings),
        ),
        mail=_mail(settings),
    )
    return Runtime(deps, database, keyring, registers)


def _operator(settings: Settings) -> OperatorDetails:
    return OperatorDetails(
        name=settings.operator_name,
        number=settings.operator_number or "",
        return_address=settings.agreement_return_address or "",
        contract_party=settings.agreement_contract_party or settings.operator_name,
    )


def _webhook_rule(settings: Settings) -> AddressRule:
    return AddressRule(settings.webhook_ports, settings.webhook_networks, private=settings.demo)


def _blobs(settings: Settings) -> BlobStore:
    if settings.blobs_s3_bucket is None:
        return DirectoryBlobStore(settings.blobs_dir)
    try:
        from deldokument.adapters.blobs.s3 import S3BlobStore, S3Place
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"a bucket needs more packages: install deldokument[cluster] ({error})") from None
    place = S3Place(
        endpoint=given(settings.blobs_s3_endpoint),
        bucket=settings.blobs_s3_bucket,
        access_key_id=given(settings.blobs_s3_access_key_id),
        secret_access_key=secret_text(settings.blobs_s3_secret_access_key)
        or _secret_in(settings.blobs_s3_secret_access_key_path),
        region=settings.blobs_s3_region,
        prefix=settings.blobs_s3_prefix,
        path_style=settings.blobs_s3_path_style,
    )
    return S3BlobStore(place)


def _secret_in(path: Path | None) -> str:
    try:
        return read_private(Path(given(str(path) if path else None))).decode()
    except (Unavailable, ValueError) as error:
        raise ConfigurationError(f"secret access key {path}: {error}") from None


def _clock(settings: Settings, database: SqlDatabase) -> Clock:
    if settings.demo:
        return ShiftedClock(demo_clock_file(settings))
    if settings.database_url.startswith("sqlite"):
        return SystemClock()
    return DatabaseClock(database.now)


def demo_clock_file(settings: Settings) -> Path:
    """Where the demo keeps how far its clock has been moved."""
    return settings.data_dir / "clock"


def _mail(settings: Settings) -> EmailSender | None:
    if settings.smtp_host is None:
        return None
    server = SmtpServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        given(settings.smtp_sender),
        settings.smtp_username or "",
        secret_text(settings.smtp_password),
    )
    return SmtpMail(server, name=mail_name(urlsplit(settings.public_url).hostname or ""))


def site_of(settings: Settings) -> Site:
    """What the pages need of the settings."""
    return Site(
        public_url=settings.public_url,
        operator_name=settings.operator_name,
        operator_contact=settings.operator_contact or "",
        accessibility_url=settings.accessibility_statement_url or "",
        privacy_url=settings.privacy_url or "",
        demo=settings.demo,
        version=__version__,
    )
