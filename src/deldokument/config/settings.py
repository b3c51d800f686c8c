"""Settings: what the operator decides, read once from `DELDOKUMENT_*` and frozen.

Promises that a process starts with a whole configuration or not at all, with an error that names every setting to
mend and shows no value; and that the demo's settings can never stand behind a public address. Deliberately does not
know what is done with a setting: it opens no file and no connection. Read by bootstrap and the command line alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from deldokument.config.types import (
    AbsolutePath,
    AsciiSecret,
    Codes,
    DatabaseUrl,
    Host,
    Issuer,
    Mailbox,
    Mount,
    Networks,
    Number,
    Port,
    Ports,
    PostgresUrl,
    Url,
    _ascii,
    _origin,
    is_loopback,
)
from deldokument.domain.addresses import Language

PREFIX: Final = "DELDOKUMENT_"
PARTIES_SCOPE: Final = "altinn:accessmanagement/authorizedparties.resourceowner"
DECISION_SCOPE: Final = "altinn:authorization/authorize"
NOTIFICATIONS_SCOPE: Final = "altinn:serviceowner/notifications.create"

_UNMADE: Final = "default_factory_not_called"
_REGISTERS: Final = (
    ("idporten_issuer", "idporten_client_id", "idporten_client_key_path"),
    ("maskinporten_issuer", "maskinporten_client_id", "maskinporten_client_key_path"),
    ("altinn_base_url", "altinn_subscription_key"),
)
_RESOURCES: Final = ("altinn_resource_confidential", "altinn_resource_ordinary")
_S3: Final = ("blobs_s3_bucket", "blobs_s3_endpoint", "blobs_s3_access_key_id")
_S3_SECRETS: Final = ("blobs_s3_secret_access_key", "blobs_s3_secret_access_key_path")
_OPENBAO: Final = ("openbao_url", "openbao_role_id", "openbao_secret_id_path")
_PKCS11: Final = ("pkcs11_module_path", "pkcs11_token", "pkcs11_pin_path", "pkcs11_key")
_MAIL: Final = ("smtp_host", "smtp_sender")
_MAIL_LOGIN: Final = ("smtp_username", "smtp_password")


class ConfigurationError(Exception):
    """The process cannot start; the text is for the operator, a line for each setting."""


class Settings(BaseSettings):
    """All settings. ValidationError when they do not make a whole; `load_settings` says so in the operator's words."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        validate_default=True,
    )

    public_url: Annotated[Url, AfterValidator(_origin)]
    """Where people reach the service; links begin with it."""
    host: str = Field("127.0.0.1", min_length=1)
    port: Port = 8000
    management_host: str = Field("127.0.0.1", min_length=1)
    management_port: Port = Field(default_factory=lambda data: data["port"] + 1)
    """The listener of health and metrics, apart from the public one."""
    serve_workers: int = Field(1, ge=1, le=64)
    """How many processes serve at the one port."""

    lend_sockets: bool = True
    """Whether quick clients' bytes pass the event loop by."""

    data_dir: AbsolutePath
    """Holds what the settings of paths below do not put elsewhere."""
    database_url: DatabaseUrl = Field(
        default_factory=lambda data: f"sqlite:///{data['data_dir'] / 'deldokument.sqlite3'}", repr=False
    )
    blobs_dir: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "blobs")
    blobs_s3_bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] | None = None
    """A bucket of an S3-compatible store that keeps the ciphertext instead of a directory, for several machines."""
    blobs_s3_endpoint: Url | None = None
    blobs_s3_region: str = Field("us-east-1", min_length=1)
    blobs_s3_prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$")] = ""
    blobs_s3_path_style: bool = True
    """Whether the bucket's name stands in the path of requests; otherwise in their host."""
    blobs_s3_access_key_id: str | None = None
    blobs_s3_secret_access_key: SecretStr | None = None
    blobs_s3_secret_access_key_path: AbsolutePath | None = None
    """A file that holds the secret access key and nothing else."""
    keyring: Literal["sqlite", "postgresql", "openbao"] = "sqlite"
    keyring_path: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "keyring.sqlite3")
    keyring_database_url: PostgresUrl | None = Field(None, repr=False)
    """A PostgreSQL database for the keyring alone."""
    root_key: Literal["file", "transit", "pkcs11"] = "file"
    root_key_path: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "root.key")
    openbao_url: Url | None = None
    openbao_role_id: str | None = None
    openbao_secret_id_path: AbsolutePath | None = None
    openbao_ca_path: AbsolutePath | None = None
    openbao_keyring_mount: Mount = "deldokument"
    transit_mount: Mount = "transit"
    transit_key: Mount = "deldokument"
    pkcs11_module_path: AbsolutePath | None = None
    pkcs11_token: str | None = None
    pkcs11_pin_path: AbsolutePath | None = None
    pkcs11_key: str | None = None
    """The label of this deployment's root keys in the token. No default: a rotation destroys older keys of a label."""
    seal_key_path: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "seal.key")
    seal_certificate_path: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "seal.pem")
    seal_key_password: SecretStr | None = None

    demo: bool = False
    """Everything embedded and simulated; for this machine only."""
    allow_synthetic: bool = False
    """Whether the synthetic identifiers of the test registers are people."""

    idporten_issuer: Issuer | None = None
    idporten_client_id: str | None = None
    idporten_client_key_path: AbsolutePath | None = None
    maskinporten_issuer: Issuer | None = None
    maskinporten_client_id: str | None = None
    maskinporten_client_key_path: AbsolutePath | None = None
    maskinporten_resource: str | None = None
    api_scope: Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")] = "deldokument:share"
    """What Maskinporten's tokens must grant those who call the API."""
    api_audience: str | None = None
    """When given, tokens must be restricted to it."""
    api_requests_per_minute: int = Field(600, ge=1, le=1_000_000)
    """How often one consumer may call the API."""
    resumable_upload_draft: bool = False
    """Whether uploads may come by the IETF's draft of resumable uploads, too; it will change."""
    altinn_base_url: Url | None = None
    altinn_subscription_key: AsciiSecret | None = None
    altinn_token_exchange: bool = False
    altinn_rights: Literal["authorized-parties", "pdp"] = "authorized-parties"
    altinn_decision_scope: str = DECISION_SCOPE
    altinn_resource_confidential: str | None = None
    altinn_resource_ordinary: str | None = None
    altinn_scope: str = PARTIES_SCOPE
    altinn_notifications_base_url: Url | None = None
    """Altinn's notifications, through which recipients are told; without them whoever shares tells them."""
    altinn_notifications_scope: str = NOTIFICATIONS_SCOPE
    altinn_notifications_resource: str | None = None
    """The resource in Altinn's registry by which an organisation's own contacts are chosen."""
    notice_sender: str = Field("DelDokument", pattern=r"^[A-Za-z0-9]{2,11}$")
    """Whom text messages to recipients are from where nobody who shares is named."""
    notice_language: Language = Language.BOKMAAL
    enhetsregisteret_base_url: Url = "https://data.brreg.no"

    webhook_ports: Ports = frozenset({443})
    webhook_networks: Networks = frozenset()
    """Closed networks that webhooks may lead into; all others may not be reached."""

    smtp_host: Host | None = None
    """The mail server; without one nobody who shares or administers is told by e-mail."""
    smtp_port: Port = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_sender: Mailbox | None = None
    smtp_username: Annotated[str, AfterValidator(_ascii)] | None = None
    smtp_password: AsciiSecret | None = None

    access_codes_confidential: Codes = frozenset({"a0236", "post-til-virksomheten-med-taushetsbelagt-innhold"})
    access_codes_ordinary: Codes = frozenset(
        {"a0236", "post-til-virksomheten-med-taushetsbelagt-innhold", "ordinaer-post-til-virksomheten"}
    )

    metrics_token: Annotated[AsciiSecret, Field(min_length=16)] | None = None
    """What the operator's monitoring must show to be told how the work stands; without one nobody is."""

    operator_name: str = Field("Del dokument", min_length=1)
    operator_number: Number | None = None
    operator_contact: str | None = None
    agreement_return_address: str | None = None
    agreement_contract_party: str | None = None
    accessibility_statement_url: Url | None = None
    privacy_url: Url | None = None

    @model_validator(mode="after")
    def _demo_stays_at_home(self) -> Self:
        hosts = self.host, self.management_host, urlsplit(self.public_url).hostname or ""
        if self.demo and not all(map(is_loopback, hosts)):
            raise ValueError("demo settings can never bind a public address")
        return self

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        """Each register is configured in full; only the demo, which simulates them, may leave one out in full.

        Mail, and a login to its server, may be left out in full by anybody.
        """
        missing = [name for group in _REGISTERS for name in self._missing(group, optional=self.demo)]
        if self.altinn_rights == "pdp":
            missing += self._missing(_RESOURCES, optional=False)
        missing += [name for name in self._keys_needed() if getattr(self, name) is None]
        missing += self._missing(_MAIL, optional=self.smtp_username is None)
        missing += self._missing(_MAIL_LOGIN, optional=True)
        if missing:
            raise ValueError("missing " + ", ".join(_variable(name) for name in missing))
        return self

    def _missing(self, group: tuple[str, ...], *, optional: bool) -> list[str]:
        """What is not there of settings that stand together; an ``optional`` group may be left out in full."""
        absent = [name for name in group if getattr(self, name) is None]
        return [] if optional and len(absent) == len(group) else absent

    @model_validator(mode="after")
    def _store_is_whole(self) -> Self:
        """A bucket comes with all that opens it."""
        missing = self._missing(_S3, optional=True)
        if missing:
            raise ValueError("missing " + ", ".join(_variable(name) for name in missing))
        secrets = len(_S3_SECRETS) - len(self._missing(_S3_SECRETS, optional=False))
        if secrets != (self.blobs_s3_bucket is not None):
            raise ValueError("a bucket needs exactly one of " + " and ".join(_variable(name) for name in _S3_SECRETS))
        return self

    @model_validator(mode="after")
    def _demo_keeps_everything_at_home(self) -> Self:
        for name in ("blobs_s3_endpoint", "openbao_url", "keyring_database_url"):
            url = getattr(self, name)
            if self.demo and url is not None and not is_loopback(urlsplit(url).hostname or ""):
                raise ValueError(f"{_variable(name)}: the demo keeps nothing outside this machine")
        return self

    def _keys_needed(self) -> list[str]:
        """What the keyring and the root key that are chosen must be told."""
        database = ("keyring_database_url",) if self.keyring == "postgresql" else ()
        openbao = _OPENBAO if self.keyring == "openbao" or self.root_key == "transit" else ()
        pkcs11 = _PKCS11 if self.root_key == "pkcs11" else ()
        return [*database, *openbao, *pkcs11]

    @model_validator(mode="after")
    def _keys_are_where_they_are_thought_to_be(self) -> Self:
        """What is given for a keyring or root key that is not chosen would be believed to be in use."""
        needed = self._keys_needed()
        given = [name for name in ("keyring_database_url", *_OPENBAO, *_PKCS11) if getattr(self, name) is not None]
        idle = ", ".join(_variable(name) for name in given if name not in needed)
        if idle:
            chosen = f"{_variable('keyring')}={self.keyring}, {_variable('root_key')}={self.root_key}"
            raise ValueError(f"{idle}: not used with {chosen}")
        return self

    @model_validator(mode="after")
    def _mail_stays_protected(self) -> Self:
        """No password or letter leaves this machine unprotected."""
        if self.smtp_security == "none" and self.smtp_host and not is_loopback(self.smtp_host):
            raise ValueError(f"{_variable('smtp_security')}: none is for a mail server on this machine only")
        return self


def load_settings(**given: Any) -> Settings:
    """The settings of the environment, those ``given`` going first. Raises ConfigurationError."""
    try:
        return Settings(**given)
    except ValidationError as error:
        # A default that another setting's error left unmade is no error of its own.
        problems = [found for found in error.errors(include_input=False) if found["type"] != _UNMADE]
        lines = [_explained(problem["loc"], problem["msg"]) for problem in problems]
        raise ConfigurationError("\n".join(["cannot start with these settings:", *lines])) from None


def _explained(location: tuple[int | str, ...], message: str) -> str:
    words = message.removeprefix("Value error, ")
    return f"  {_variable(str(location[0]))}: {words}" if location else f"  {words}"


def _variable(name: str) -> str:
    return PREFIX + name.upper()
