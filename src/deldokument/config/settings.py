"""Settings of a deployment: read once from the environment (`DELDOKUMENT_*`) and the credentials, then frozen.

Guarantees:
- A process starts only with a complete configuration. The error names every faulty setting, without values.
- The demo's settings never bind a public address, and store nothing on another machine.

Opens only the files of the credentials, and no connection. Only bootstrap and the command line import it.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from deldokument.config.credentials import credentials
from deldokument.config.groups import (
    AltinnSettings,
    Group,
    IdPortenSettings,
    KeyringDatabaseSettings,
    MailSettings,
    MaskinportenSettings,
    OpenBaoSettings,
    Pkcs11Settings,
    S3Settings,
    ScannerSettings,
)
from deldokument.config.types import (
    AbsolutePath,
    AsciiSecret,
    Codes,
    DatabaseUrl,
    Mount,
    Networks,
    Number,
    Port,
    Ports,
    RoleName,
    ScanPolicyText,
    SocketPath,
    Url,
    is_loopback,
    is_on_this_machine,
    origin,
)
from deldokument.domain.messages.email_addresses import Language
from deldokument.domain.service_config import ServiceConfig
from deldokument.domain.shares.share import MAX_RECIPIENTS
from deldokument.domain.tenants.accounts import GIGABYTE

PREFIX: Final = "DELDOKUMENT_"
_DEFAULT: Final = ServiceConfig()
_UNMADE: Final = "default_factory_not_called"
_GROUPS: Final[Mapping[str, type[Group]]] = {
    "blobs_s3": S3Settings,
    "keyring_database": KeyringDatabaseSettings,
    "openbao": OpenBaoSettings,
    "pkcs11": Pkcs11Settings,
    "idporten": IdPortenSettings,
    "maskinporten": MaskinportenSettings,
    "altinn": AltinnSettings,
    "smtp": MailSettings,
    "scanner": ScannerSettings,
}
_REGISTERS: Final = frozenset({"idporten", "maskinporten", "altinn"})
_KEY_PLACES: Final[Mapping[str, frozenset[str]]] = {
    "keyring_database": frozenset({"postgresql"}),
    "openbao": frozenset({"openbao", "transit"}),
    "pkcs11": frozenset({"pkcs11"}),
}
"""Values of `keyring` and `root_key` that use a group."""


class ConfigurationError(Exception):
    """A configuration with which the process cannot start. The text is for the operator, one line for each setting."""


def default_database_url(data_dir: Path) -> str:
    """Return the URL of the SQLite file in the data folder."""
    return f"sqlite:///{data_dir / 'deldokument.sqlite3'}"


class Settings(BaseSettings):
    """All settings. `load_settings` loads them and explains errors to the operator."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        # Groups are read from flat names: SMTP_HOST is the field host of the group smtp.
        env_nested_delimiter="_",
        env_nested_max_split=1,
        enable_decoding=False,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        validate_default=True,
    )

    public_url: Annotated[Url, AfterValidator(origin)]
    """Address of the service: scheme, host and port. All links begin with it. https unless loopback."""
    host: str = Field("127.0.0.1", min_length=1)
    """Address to listen on."""
    port: Port = 8000
    """Port to listen on."""
    socket_path: SocketPath | None = None
    """Unix socket to listen at instead of host and port, where systemd passes none. At most 107 bytes."""
    management_host: str = Field("127.0.0.1", min_length=1)
    """Address of the management listener, with health and metrics: never reachable from the internet."""
    management_port: Port = Field(default_factory=lambda data: data["port"] + 1)
    """Port of the management listener. Unset: the port after `DELDOKUMENT_PORT`."""
    serve_workers: int = Field(1, ge=1, le=64)
    """Number of server processes at the one listener. `serve --workers` overrides it."""

    log_format: Literal["text", "json"] = "text"
    """Form of the log on standard error: `text` or `json`."""
    otlp_endpoint: Annotated[Url, AfterValidator(origin)] | None = None
    """Address of the OpenTelemetry collector that gets the traces. Unset: nothing is traced."""
    max_connections: int = Field(2000, ge=16, le=60_000)
    """Connections of a server process at a time, from proxies or clients; further ones get 503."""
    lend_sockets: bool = True
    """Whether threads move the bytes of fast transfers. `false`: the event loop does, with more processor time."""

    data_dir: AbsolutePath
    """Folder for everything that the path settings below do not place elsewhere."""
    database_url: DatabaseUrl = Field(default_factory=lambda data: default_database_url(data["data_dir"]), repr=False)
    """`sqlite:///FILE` or `postgresql://…`, with the password percent-encoded; on another machine with verified TLS."""
    database_serve_role: RoleName | None = None
    """Role in PostgreSQL with which server processes log in; `deldokument migrate` gives it its privileges."""
    database_worker_role: RoleName | None = None
    """The same for workers."""
    blobs_dir: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "blobs")
    """Folder for the stored ciphertext."""
    blobs_s3: S3Settings | None = None
    keyring: Literal["sqlite", "postgresql", "openbao"] = "sqlite"
    """Where the keyring is: a file (`sqlite`), a separate database (`postgresql`) or `openbao`."""
    keyring_path: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "keyring.sqlite3")
    """With `sqlite`: the keyring's file; put it on a separate disk."""
    root_key: Literal["file", "transit", "pkcs11"] = "file"
    """Where the root key is: a `file`, OpenBao's Transit (`transit`) or a hardware security module (`pkcs11`)."""
    root_key_path: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "root.key")
    """With `file`: the root key; put it outside of the backups of the data folder."""
    keyring_database: KeyringDatabaseSettings | None = None
    openbao: OpenBaoSettings | None = None
    transit_mount: Mount = "transit"
    """With `transit`: the Transit engine."""
    transit_key: Mount = "deldokument"
    """With `transit`: the key in it, of the type `aes256-gcm96`."""
    pkcs11: Pkcs11Settings | None = None
    seal_key_path: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "seal.key")
    """The key that seals signed agreements: PEM, or PKCS#12 with its certificate."""
    seal_certificate_path: AbsolutePath = Field(default_factory=lambda data: data["data_dir"] / "seal.pem")
    """Its certificate and the chain, as PEM; not used with PKCS#12."""
    seal_key_password: SecretStr = SecretStr("")
    """Password of the seal's key file, if it is encrypted."""

    demo: bool = False
    """Run everything embedded and simulated; never with a public address."""
    allow_synthetic: bool = False
    """Accept synthetic test numbers as persons."""

    idporten: IdPortenSettings | None = None
    maskinporten: MaskinportenSettings | None = None
    altinn: AltinnSettings | None = None
    api_scope: Annotated[str, Field(pattern=r"^[!#-\[\]-~]+$")] = "deldokument:share"
    """Scope that a Maskinporten token needs to call the API."""
    api_audience: str = Field(default_factory=lambda data: data["public_url"], min_length=1)
    """Audience to which tokens must be restricted (`resource` in the grant). Unset: the public URL."""
    api_requests_per_minute: int = Field(_DEFAULT.api_requests_per_minute, ge=1, le=1_000_000)
    """Rate limit of the API: for an organisation's systems, and for a person's receiving programs, over all nodes. It
    also limits refused codes of all such programs together.
    """
    refusals_per_hour: int = Field(_DEFAULT.refusals_per_hour, ge=1, le=100_000)
    """How often a person may be refused at links. Further refusals are 429; a recipient is never limited."""
    logins_per_hour: int = Field(_DEFAULT.logins_per_hour, ge=1, le=100_000)
    """Logins that a browser may begin, that a person may complete, and receiving programs that a person may approve."""
    lookups_per_hour: int = Field(_DEFAULT.lookups_per_hour, ge=MAX_RECIPIENTS, le=1_000_000)
    """Numbers that a person may add as recipients; at least 500, the most in one share."""
    drafts_per_hour: int = Field(_DEFAULT.drafts_per_hour, ge=1, le=100_000)
    """Drafts that a person may begin."""
    default_undo_minutes: int = Field(_DEFAULT.default_undo_window // timedelta(minutes=1), ge=0, le=60)
    """Minutes in which a publication can be undone, in accounts whose administrators have set nothing: 0 to 60."""
    default_quota_gb: int = Field(_DEFAULT.default_quota // GIGABYTE, ge=1, le=1_000_000)
    """Quota of accounts for which their administrators have set none, in GB (10^9 bytes)."""
    max_drafts: int = Field(_DEFAULT.max_drafts, ge=1, le=1_000_000)
    """Drafts of a member or a system on an account at a time."""
    max_uploads: int = Field(_DEFAULT.max_uploads, ge=1, le=1_000_000)
    """Unfinished uploads of a member or a system on an account at a time."""
    notice_sender: str = Field(_DEFAULT.notices.sender, pattern=r"^[A-Za-z0-9]{2,11}$")
    """Sender of text messages that name nobody: 2 to 11 letters and digits."""
    notice_language: Language = _DEFAULT.notices.language
    """Language of text messages, and the first in e-mails: `nb`, `nn` or `en`; an organisation's own goes first."""
    enhetsregisteret_base_url: Url = "https://data.brreg.no"
    """URL for looking up organisations."""

    webhook_ports: Ports = frozenset({443})
    """Ports that webhooks of fagsystemer may use, separated by commas."""
    webhook_networks: Networks = frozenset()
    """Closed networks that webhooks may reach (`10.20.0.0/16`). All others, and this machine, are refused."""
    webhook_denied_networks: Networks = frozenset()
    """Networks with public addresses that webhooks must not reach: your own, separated by commas."""

    smtp: MailSettings | None = None
    """The mail server. Unset: members and administrators get no e-mail."""

    scanner: ScannerSettings | None = None
    """The malware scanner. Unset: documents are not scanned, and recipients see that."""

    scan_policy: ScanPolicyText = _DEFAULT.scan_policy
    """Handling of documents that no scan has found clean, by verdict: `encrypted=held,stale=released`."""

    access_codes_confidential: Codes = frozenset({"a0236", "post-til-virksomheten-med-taushetsbelagt-innhold"})
    """Roles and access packages that open confidential shares, separated by commas."""
    access_codes_ordinary: Codes = frozenset(
        {"a0236", "post-til-virksomheten-med-taushetsbelagt-innhold", "ordinaer-post-til-virksomheten"}
    )
    """The same for shares that are not confidential."""

    metrics_token: Annotated[AsciiSecret, Field(min_length=16)] | None = None
    """Bearer token for the metrics: at least 16 ASCII characters. Unset: the endpoint returns 404."""

    operator_name: str = Field("Del dokument", min_length=1)
    """Name of the operator, as pages show it."""
    operator_number: Number | None = None
    """The operator's organisation number, printed in the agreements."""
    operator_contact: str | None = None
    """Contact for questions about the service: e-mail, URL or telephone; also in `/.well-known/security.txt`."""
    agreement_return_address: str | None = None
    """E-mail or postal address for signed main agreements."""
    agreement_contract_party: str | None = None
    """Full name of the party that makes the agreements with tenants. Unset: the operator's name."""
    accessibility_statement_url: Url | None = None
    """The statement at uustatus.no; linked from every page."""
    privacy_url: Url | None = None
    """The privacy statement; linked from every page."""

    @field_validator(*_GROUPS, mode="wrap")
    @classmethod
    def _is_whole_or_left_out(cls, given: Any, validate: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """Validate a group that is needed or partly given, naming its missing settings; return None for an unused one.

        A group for keys that is configured but not chosen is refused: the operator would believe that it is in use.
        """
        name, data, values = str(info.field_name), info.data, given or {}
        if not isinstance(values, dict):
            raise ValueError(f"{_variable(name)}: not a setting; its name begins those of a group")
        is_needed = name in _list_needed_groups(data)
        marks = ", ".join(_variable(f"{name}_{part}") for part in _GROUPS[name].marks(values))
        if marks and not is_needed and name in _KEY_PLACES and {"keyring", "root_key"} <= data.keys():
            chosen = f"{_variable('keyring')}={data['keyring']}, {_variable('root_key')}={data['root_key']}"
            raise ValueError(f"{marks}: not used with {chosen}")
        try:
            return validate(values)
        except ValidationError as error:
            if marks or is_needed:
                raise
            wrong = [found for found in error.errors() if found["type"] != "missing"]
            if wrong:
                raise ValidationError.from_exception_data(error.title, list(map(_again, wrong))) from None
            return None

    @model_validator(mode="after")
    def _demo_stays_at_home(self) -> Self:
        if not self.demo:
            return self
        hosts = self.host, self.management_host, urlsplit(self.public_url).hostname or ""
        if not all(map(is_loopback, hosts)):
            raise ValueError("demo settings can never bind a public address")
        places = {
            "blobs_s3_endpoint": self.blobs_s3 and self.blobs_s3.endpoint,
            "openbao_url": self.openbao and self.openbao.url,
            "keyring_database_url": self.keyring_database and self.keyring_database.url,
        }
        outside = [name for name, url in places.items() if url and not is_loopback(urlsplit(url).hostname or "")]
        if self.database_url.startswith("postgresql") and not is_on_this_machine(self.database_url):
            outside.append("database_url")
        for name in outside:
            raise ValueError(f"{_variable(name)}: the demo keeps nothing outside this machine")
        return self


def _again(found: ErrorDetails) -> InitErrorDetails:
    """Return a copy of an error to be raised again, without the value."""
    message = PydanticCustomError("wrong", "{words}", {"words": found["msg"]})
    return InitErrorDetails(type=message, loc=found["loc"], input=None)


def _list_needed_groups(data: Mapping[str, Any]) -> set[str]:
    """Return the groups that these settings need: all registers, except in the demo."""
    chosen = {data.get("keyring"), data.get("root_key")}
    keys = {name for name, uses in _KEY_PLACES.items() if uses & chosen}
    return keys if data.get("demo", True) else keys | _REGISTERS


def _paths() -> Iterator[tuple[str, ...]]:
    for name in Settings.model_fields:
        if name in _GROUPS:
            yield from ((name, part) for part in _GROUPS[name].model_fields)
        else:
            yield (name,)


def _variable(name: str) -> str:
    return PREFIX + name.upper()


VARIABLES: Final = {_variable("_".join(path)): path for path in _paths()}
"""Path of each variable's value in `Settings`."""


def load_settings(**given: Any) -> Settings:
    """Return the settings of the environment.

    The credentials of the service manager override the environment; ``given``, with the same names, overrides both.

    Raises: ConfigurationError if a setting is missing or wrong, or a credential cannot be read.
    """
    try:
        return Settings(**_nest(_credentials() | given))
    except ValidationError as error:
        # If a default could not be computed because of another setting's error, it is not a separate error.
        problems = [found for found in error.errors(include_input=False) if found["type"] != _UNMADE]
        raise ConfigurationError("\n".join(["cannot start with these settings:", *_explain(problems)])) from None


def _credentials() -> dict[str, Any]:
    try:
        found = credentials(VARIABLES)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"credentials: {error}") from None
    return {variable.removeprefix(PREFIX).lower(): value for variable, value in found.items()}


def _nest(given: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, value in given.items():
        first, *rest = VARIABLES.get(_variable(name), (name,))
        if rest:
            nested.setdefault(first, {})[rest[0]] = value
        else:
            nested[first] = value
    return nested


def _explain(problems: list[ErrorDetails]) -> Iterator[str]:
    """Yield a line for each problem, and one line that lists all missing settings of groups."""
    missing = []
    for problem in problems:
        path = tuple(takewhile(lambda step: isinstance(step, str), problem["loc"]))
        variable, words = _variable("_".join(map(str, path))), problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "missing" and not _is_required_alone(path):
            missing.append(variable)
        else:
            yield f"  {words}" if not path or PREFIX in words else f"  {variable}: {words}"
    if missing:
        yield "  missing " + ", ".join(missing)


def _is_required_alone(path: tuple[int | str, ...]) -> bool:
    return len(path) == 1 and Settings.model_fields[str(path[0])].is_required()
