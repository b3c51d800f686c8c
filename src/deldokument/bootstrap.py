"""The front door: settings become adapters, adapters a world, a world the web application or the worker.

With `unlocking`, which opens the keyring, the only module that names concrete adapters. Promises that a process that
cannot have its database, keyring, blobs or clock does not start, and that keyring and blobs are this deployment's.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from deldokument import __version__, worker
from deldokument.adapters.altinn import AltinnAuthorizedParties, AltinnCalls, CachedRights, GuardedRights
from deldokument.adapters.altinn_notifications import AltinnNotifications
from deldokument.adapters.altinn_pdp import AltinnDecisionPoint, resource_code
from deldokument.adapters.altinn_tokens import AltinnTokens
from deldokument.adapters.blobs import DirectoryBlobStore
from deldokument.adapters.clock import DatabaseClock, ShiftedClock, SystemClock
from deldokument.adapters.enhetsregisteret import Enhetsregisteret
from deldokument.adapters.idporten import IdPorten
from deldokument.adapters.keys.files import read_private
from deldokument.adapters.keys.keyring import SealedKeyring
from deldokument.adapters.library import PackageLibrary
from deldokument.adapters.maskinporten import MaskinportenClient
from deldokument.adapters.maskinporten_tokens import MaskinportenTokens
from deldokument.adapters.media_types import PuremagicMediaTypes
from deldokument.adapters.outbound import outbound_client
from deldokument.adapters.press import MarkdownPress
from deldokument.adapters.seal import load_seal
from deldokument.adapters.smtp import SmtpMail, SmtpServer, mail_name
from deldokument.adapters.sql.database import SqlDatabase
from deldokument.adapters.sql.migrations import is_current
from deldokument.adapters.webhooks import WebhookClient
from deldokument.config import ConfigurationError, Settings
from deldokument.domain.agreement import OperatorDetails
from deldokument.domain.errors import ServiceError, Unavailable
from deldokument.domain.policy import AccessRule
from deldokument.domain.webhook import AddressRule
from deldokument.services.letters import Mail
from deldokument.services.notice import Notices
from deldokument.services.ports import (
    SEAL_EVERY,
    BlobStore,
    Clock,
    LoginProvider,
    NoticeRules,
    OrganizationRights,
    Rules,
    World,
)
from deldokument.serving import Listeners, serve_both
from deldokument.unlocking import take_keyring
from deldokument.web.app import create_app
from deldokument.web.calls import Endpoint
from deldokument.web.management import create_management
from deldokument.web.rendering import Site

LOGIN_PATH, LOGGED_OUT_PATH = "/logg-inn/svar", "/logget-ut"
_DEMO_SEAL_EVERY = timedelta(seconds=15)
_WORKERS_NICENESS = 10
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
log = logging.getLogger("deldokument")


@dataclass(frozen=True, slots=True)
class Node:
    """A process's world, and what it must close."""

    world: World
    database: SqlDatabase
    keyring: SealedKeyring
    http: httpx.Client

    def close(self) -> None:
        """Let go of connections and files."""
        self.http.close()
        self.keyring.close()
        self.database.close()


def open_node(settings: Settings) -> Node:
    """Compose the world. Raises ConfigurationError when a part of it is not there."""
    if not is_current(settings.database_url):
        raise ConfigurationError("the database's schema is not current: run `deldokument migrate`")
    database = SqlDatabase(settings.database_url)
    http = outbound_client()
    try:
        login, altinn_token = _login(settings, http), _altinn_tokens(settings, http)
        seal = load_seal(settings.seal_key_path, settings.seal_certificate_path, _secret(settings.seal_key_password))
        blobs = _blobs(settings)
        keyring = take_keyring(settings, _take_store(database, blobs))
    except (ServiceError, ConfigurationError) as error:
        database.close()
        http.close()
        raise ConfigurationError(str(error)) from error
    world = World(
        clock=_clock(settings, database),
        database=database,
        keyring=keyring,
        blobs=blobs,
        rights=_rights(settings, http, altinn_token),
        register=Enhetsregisteret(settings.enhetsregisteret_base_url, http),
        login=login,
        tokens=_tokens(settings, http),
        media_types=PuremagicMediaTypes(),
        press=MarkdownPress(),
        seal=seal,
        library=PackageLibrary(),
        webhook_calls=WebhookClient(_webhook_rule(settings)),
        notices=_notices(settings, http, altinn_token),
        rules=Rules(
            public_url=settings.public_url,
            allow_synthetic=settings.allow_synthetic,
            access=_access_rule(settings),
            operator=_operator(settings),
            notices=NoticeRules(settings.notice_sender, settings.notice_language),
            api_requests_per_minute=settings.api_requests_per_minute,
            resumable_upload_draft=settings.resumable_upload_draft,
            seal_every=_DEMO_SEAL_EVERY if settings.demo else SEAL_EVERY,
            webhooks=_webhook_rule(settings),
        ),
        mail=_mail(settings),
    )
    return Node(world, database, keyring, http)


def _operator(settings: Settings) -> OperatorDetails:
    return OperatorDetails(
        name=settings.operator_name,
        number=settings.operator_number or "",
        return_address=settings.agreement_return_address or "",
        contract_party=settings.agreement_contract_party or settings.operator_name,
    )


def _webhook_rule(settings: Settings) -> AddressRule:
    return AddressRule(settings.webhook_ports, settings.webhook_networks, private=settings.demo)


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


def _blobs(settings: Settings) -> BlobStore:
    if settings.blobs_s3_bucket is None:
        return DirectoryBlobStore(settings.blobs_dir)
    try:
        from deldokument.adapters.s3_blobs import S3BlobStore, S3Place
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"a bucket needs more packages: install deldokument[cluster] ({error})") from None
    place = S3Place(
        endpoint=_given(settings.blobs_s3_endpoint),
        bucket=settings.blobs_s3_bucket,
        access_key_id=_given(settings.blobs_s3_access_key_id),
        secret_access_key=_secret(settings.blobs_s3_secret_access_key)
        or _secret_in(settings.blobs_s3_secret_access_key_path),
        region=settings.blobs_s3_region,
        prefix=settings.blobs_s3_prefix,
        path_style=settings.blobs_s3_path_style,
    )
    return S3BlobStore(place)


def _secret_in(path: Path | None) -> str:
    try:
        return read_private(Path(_given(str(path) if path else None))).decode()
    except (Unavailable, ValueError) as error:
        raise ConfigurationError(f"secret access key {path}: {error}") from None


def _take_store(database: SqlDatabase, blobs: BlobStore) -> str:
    """This deployment's id. The store must be its own. Only one that has never worked may claim an empty store.

    So a volume that is not mounted is not taken for a fresh store.
    """
    with database.write() as tx:
        deployment = tx.retention.deployment()
    if blobs.deployment_id() is None and deployment.heartbeat_at is not None:
        raise ConfigurationError(
            "the blob store is empty though this deployment has worked before: is it the right one, and mounted?"
        )
    blobs.claim(deployment.id)
    return deployment.id


def _clock(settings: Settings, database: SqlDatabase) -> Clock:
    if settings.demo:
        return ShiftedClock(demo_clock_file(settings))
    if settings.database_url.startswith("sqlite"):
        return SystemClock()
    return DatabaseClock(database.now)


def demo_clock_file(settings: Settings) -> Path:
    """Where the demo keeps how far its clock has been moved."""
    return settings.data_dir / "clock"


def _login(settings: Settings, http: httpx.Client) -> LoginProvider:
    with _client_key(settings.idporten_client_key_path) as key:
        return IdPorten(
            _given(settings.idporten_issuer),
            _given(settings.idporten_client_id),
            key,
            settings.public_url + LOGIN_PATH,
            settings.public_url + LOGGED_OUT_PATH,
            http,
        )


def _tokens(settings: Settings, http: httpx.Client) -> MaskinportenTokens:
    issuer = _given(settings.maskinporten_issuer)
    return MaskinportenTokens(issuer, settings.api_scope, settings.api_audience or "", http)


def _altinn_tokens(settings: Settings, http: httpx.Client) -> Callable[[str], str]:
    """What gives bearer tokens for Altinn by their scope: Maskinporten's own, or Altinn's in exchange for those."""
    with _client_key(settings.maskinporten_client_key_path) as key:
        maskinporten = MaskinportenClient(
            _given(settings.maskinporten_issuer),
            _given(settings.maskinporten_client_id),
            key,
            http,
            resource=settings.maskinporten_resource or "",
        )
    if not settings.altinn_token_exchange:
        return maskinporten.token
    return AltinnTokens(_given(settings.altinn_base_url), maskinporten.token, http).token


def _rights(settings: Settings, http: httpx.Client, token: Callable[[str], str]) -> OrganizationRights:
    def calls(scope: str) -> AltinnCalls:
        subscription_key = _secret(settings.altinn_subscription_key)
        return AltinnCalls(_given(settings.altinn_base_url), lambda: token(scope), subscription_key, http)

    parties = calls(settings.altinn_scope)
    if settings.altinn_rights == "authorized-parties":
        return CachedRights(GuardedRights(AltinnAuthorizedParties(parties)))
    listed = AltinnAuthorizedParties(parties, all_listed=True)
    point = AltinnDecisionPoint(calls(settings.altinn_decision_scope), listed, _resources(settings))
    return CachedRights(GuardedRights(point))


def _resources(settings: Settings) -> tuple[str, str]:
    return _given(settings.altinn_resource_confidential), _given(settings.altinn_resource_ordinary)


def _access_rule(settings: Settings) -> AccessRule:
    if settings.altinn_rights == "authorized-parties":
        return AccessRule(settings.access_codes_confidential, settings.access_codes_ordinary)
    confidential, ordinary = map(resource_code, _resources(settings))
    return AccessRule(frozenset({confidential}), frozenset({confidential, ordinary}))


def _notices(settings: Settings, http: httpx.Client, token: Callable[[str], str]) -> Notices | None:
    if settings.altinn_notifications_base_url is None:
        return None
    return AltinnNotifications(
        settings.altinn_notifications_base_url,
        lambda: token(settings.altinn_notifications_scope),
        _secret(settings.altinn_subscription_key),
        http,
        resource_id=settings.altinn_notifications_resource,
    )


def _mail(settings: Settings) -> Mail | None:
    if settings.smtp_host is None:
        return None
    server = SmtpServer(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        _given(settings.smtp_sender),
        settings.smtp_username or "",
        _secret(settings.smtp_password),
    )
    return SmtpMail(server, name=mail_name(urlsplit(settings.public_url).hostname or ""))


def _given(value: str | None) -> str:
    if value is None:
        raise ConfigurationError("the registers are not configured; only `deldokument demo` simulates them")
    return value


@contextmanager
def _client_key(path: Path | None) -> Iterator[dict[str, Any]]:
    """What a client key's file holds; whether that is a key, whoever signs with it says in the block."""
    file = Path(_given(str(path) if path else None))
    try:
        yield json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"client key {path}: {error}") from None


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


def serve(settings: Settings, node: Node, listeners: Listeners, extra: tuple[Endpoint, ...] = ()) -> None:
    """Run the web application until a signal comes; then end the process, by SystemExit."""
    keep_freed_memory()
    public = create_app(node.world, site_of(settings), extra)
    management = create_management(node.world, _secret(settings.metrics_token))
    serve_both(public, management, listeners, lend_sockets=settings.lend_sockets)


def work(node: Node) -> None:
    """Run the worker until SIGTERM or SIGINT. What people wait for goes before what it does."""
    with suppress(PermissionError):
        os.nice(_WORKERS_NICENESS)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    worker.run(node.world, stop)


def keep_freed_memory() -> None:
    """Have glibc keep buffers of up to 64 MiB for the next request instead of giving their pages back each time.

    Without it every received quarter megabyte costs page faults. What is kept is shared by all threads, and not once
    for each handful of them.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return
    libc.mallopt(_M_MMAP_THRESHOLD, 64 << 20)
    libc.mallopt(_M_TRIM_THRESHOLD, 256 << 20)
    libc.mallopt(_M_TOP_PAD, 16 << 20)
    libc.mallopt(_M_ARENA_MAX, 1)


def configure_logging() -> None:
    """One line an event, on standard error."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
