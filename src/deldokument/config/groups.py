"""Groups of settings that belong together: a store, a key service, a register, a mail server.

Guarantees:
- A group is complete; otherwise an error names each missing setting.
- A group of which no setting is given is None.
"""

from collections.abc import Collection
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticKnownError

from deldokument.config.types import (
    AbsolutePath,
    AsciiSecret,
    Host,
    Issuer,
    Mailbox,
    Mount,
    Port,
    PostgresUrl,
    ScannerUrl,
    Url,
    ascii_alone,
    is_loopback,
)

PARTIES_SCOPE: Final = "altinn:accessmanagement/authorizedparties.resourceowner"
DECISION_SCOPE: Final = "altinn:authorization/authorize"
NOTIFICATIONS_SCOPE: Final = "altinn:serviceowner/notifications.create"


class Group(BaseModel):
    """A group of settings. Its variables begin with the name of its field in `Settings`."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, str_strip_whitespace=True, validate_default=True)

    optional_marks: ClassVar[frozenset[str]] = frozenset()
    """Optional settings that an operator sets only in order to use the group."""

    @classmethod
    def marks(cls, given: Collection[str]) -> list[str]:
        """Return the names among ``given`` that show that the group is in use."""
        required = {name for name, field in cls.model_fields.items() if field.is_required()}
        return [name for name in cls.model_fields if name in given and name in required | cls.optional_marks]


class S3Settings(Group):
    """A bucket of an S3-compatible store for ciphertext, instead of a directory; needed with several machines."""

    optional_marks = frozenset({"secret_access_key", "secret_access_key_path"})

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    """Bucket of an S3-compatible store for the ciphertext, instead of the folder."""
    endpoint: Url
    """URL of the store: https unless loopback."""
    region: str = Field("us-east-1", min_length=1)
    """Region that requests are signed for; most stores other than AWS ignore it."""
    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$")] = ""
    """Prefix of all keys in the bucket (`deldokument/prod`); nothing else may be stored below it."""
    path_style: bool = True
    """Whether the bucket's name is in the path of requests; otherwise it is in their host name."""
    access_key_id: str
    """The access key id."""
    secret_access_key: SecretStr = SecretStr("")
    """The secret that requests are signed with; this or its file is required."""
    secret_access_key_path: AbsolutePath | None = None
    """A file with only that secret, readable by the service's account only."""

    @model_validator(mode="after")
    def _has_one_secret(self) -> Self:
        if bool(self.secret_access_key) == bool(self.secret_access_key_path):
            name = "DELDOKUMENT_BLOBS_S3_SECRET_ACCESS_KEY"
            raise ValueError(f"a bucket needs exactly one of {name} and {name}_PATH")
        return self


class KeyringDatabaseSettings(Group):
    """The PostgreSQL database that stores only the keyring."""

    url: PostgresUrl = Field(repr=False)
    """Database for the keyring alone, on a server that is not backed up; never the service's own."""


class OpenBaoSettings(Group):
    """The OpenBao server that stores the keyring, the root key or both."""

    url: Url
    """URL of OpenBao: https unless loopback."""
    role_id: str
    """The id of the service's AppRole."""
    secret_id_path: AbsolutePath
    """A file with the role's secret id."""
    ca_path: AbsolutePath | None = None
    """CA certificates for OpenBao's certificate, as PEM. Unset: the machine's."""
    keyring_mount: Mount = "deldokument"
    """With `openbao`: the key-value engine (version 2) for the keyring, and nothing else."""


class Pkcs11Settings(Group):
    """The hardware security module that stores the root key."""

    module_path: AbsolutePath
    """The library of the module's vendor."""
    token: str
    """The token's label."""
    pin_path: AbsolutePath
    """A file with the user's PIN."""
    key: str
    """Label of this deployment's root keys in the token. No default: a rotation destroys older keys of a label."""


class IdPortenSettings(Group):
    """The service's client at ID-porten."""

    issuer: Issuer
    """ID-porten's issuer, exactly as published."""
    client_id: str
    """The service's client id there."""
    client_key_path: AbsolutePath
    """Private key of the client: a JWK, or a JWK set whose first key signs."""


class MaskinportenSettings(Group):
    """The service's client at Maskinporten."""

    issuer: Issuer
    """Maskinporten's issuer, with the trailing slash."""
    client_id: str
    """The service's client id there."""
    client_key_path: AbsolutePath
    """Private key of the client: a JWK, or a JWK set whose first key signs."""
    resource: str = ""
    """Audience to which the service's own tokens are restricted, if the called services require it."""


class AltinnSettings(Group):
    """Altinn's list of a person's rights, its decision point and its notifications."""

    base_url: Url
    """URL of Altinn's platform."""
    subscription_key: AsciiSecret
    """Subscription key of Altinn's access management."""
    token_exchange: bool = False
    """Exchange Maskinporten tokens for Altinn tokens before calling Altinn, as its documentation requires."""
    rights: Literal["authorized-parties", "pdp"] = "authorized-parties"
    """Who may open a share: by the access codes below, or with `pdp` by your policies at Altinn's decision point."""
    decision_scope: str = DECISION_SCOPE
    """Scope of the token for the decision point."""
    resource_confidential: str = ""
    """Required with `pdp`: your resource whose policy decides who may `read` confidential content."""
    resource_ordinary: str = ""
    """The same for other content; the right to read confidential content includes it."""
    scope: str = PARTIES_SCOPE
    """Scope of the token for Altinn's list of rights."""
    notifications_base_url: Url | None = None
    """URL of Altinn's platform for notices. Unset: sharers notify recipients themselves."""
    notifications_scope: str = NOTIFICATIONS_SCOPE
    """Scope of the token for notices."""
    notifications_resource: str | None = None
    """Resource in Altinn's registry that selects an organisation's own contacts."""

    @field_validator("resource_confidential", "resource_ordinary")
    @classmethod
    def _is_there_for_the_decision_point(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("rights") == "pdp" and not value:
            raise PydanticKnownError("missing")
        return value


class ScannerSettings(Group):
    """The malware scanner: clamd on this machine, or an ICAP server on it or with TLS."""

    optional_marks = frozenset({"max_mb", "signature_days"})

    url: ScannerUrl
    """The malware scanner: clamd (`unix:///…`, `tcp://…`) or ICAP (`icap://…`, `icaps://…`). Unset: nothing is scanned,
    and recipients see that.
    """
    max_mb: int = Field(2000, ge=1, le=2000)
    """Length, in MB, above which documents are not scanned: 2000 at most."""
    signature_days: int = Field(7, ge=1, le=365)
    """Age, in days, of the scanner's signatures above which «nothing found» does not count."""


class MailSettings(Group):
    """The mail server for e-mail to members and administrators."""

    optional_marks = frozenset({"username", "password"})

    host: Host
    """The mail server for members and administrators: name or address, without a port. Unset: no e-mail is sent."""
    port: Port = 587
    """The mail server's port."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`starttls`, `tls` (from the first byte, often port 465), or `none`, for a server on this machine only."""
    sender: Mailbox
    """The sender's address."""
    username: Annotated[str, AfterValidator(ascii_alone)] = ""
    """User name at the mail server, in ASCII; requires a password."""
    password: AsciiSecret = SecretStr("")
    """The password, in ASCII. It is sent only after the server's certificate has been verified."""

    @field_validator("security")
    @classmethod
    def _is_protected_outside_this_machine(cls, value: str, info: ValidationInfo) -> str:
        """Refuse to send passwords or e-mail without TLS to another machine."""
        if value == "none" and not is_loopback(info.data.get("host", "localhost")):
            raise ValueError("none is for a mail server on this machine only")
        return value

    @field_validator("password")
    @classmethod
    def _comes_with_the_user_name(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if info.data.get("username") and not value:
            raise PydanticKnownError("missing")
        return value

    @model_validator(mode="after")
    def _has_a_user_name_for_its_password(self) -> Self:
        if self.password and not self.username:
            raise ValidationError.from_exception_data("smtp", [{"type": "missing", "loc": ("username",), "input": ""}])
        return self
