"""Settings that are only of use together: a store, a key service, a register, a mail server.

Guarantees:
- A group has all that its use needs; an error names each setting that is missing.
- A group whose settings are all defaults is None.
"""

from __future__ import annotations

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
        """Return the names among ``given`` that show that the group is to be used."""
        required = {name for name, field in cls.model_fields.items() if field.is_required()}
        return [name for name in cls.model_fields if name in given and name in required | cls.optional_marks]


class S3Settings(Group):
    """A bucket of an S3-compatible store for the ciphertext, instead of a directory; for several machines."""

    optional_marks = frozenset({"secret_access_key", "secret_access_key_path"})

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    endpoint: Url
    region: str = Field("us-east-1", min_length=1)
    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$")] = ""
    path_style: bool = True
    """Whether the bucket's name is in the path of requests; otherwise it is in their host."""
    access_key_id: str
    secret_access_key: SecretStr = SecretStr("")
    secret_access_key_path: AbsolutePath | None = None
    """A file that contains only the secret access key."""

    @model_validator(mode="after")
    def _has_one_secret(self) -> Self:
        if bool(self.secret_access_key) == bool(self.secret_access_key_path):
            name = "DELDOKUMENT_BLOBS_S3_SECRET_ACCESS_KEY"
            raise ValueError(f"a bucket needs exactly one of {name} and {name}_PATH")
        return self


class KeyringDatabaseSettings(Group):
    """The PostgreSQL database that stores only the keyring."""

    url: PostgresUrl = Field(repr=False)


class OpenBaoSettings(Group):
    """The OpenBao server that stores the keyring, the root key or both."""

    url: Url
    role_id: str
    secret_id_path: AbsolutePath
    ca_path: AbsolutePath | None = None
    keyring_mount: Mount = "deldokument"


class Pkcs11Settings(Group):
    """The hardware security module that stores the root key."""

    module_path: AbsolutePath
    token: str
    pin_path: AbsolutePath
    key: str
    """Label of this deployment's root keys in the token. No default: a rotation destroys older keys of a label."""


class IdPortenSettings(Group):
    """The service's client at ID-porten."""

    issuer: Issuer
    client_id: str
    client_key_path: AbsolutePath


class MaskinportenSettings(Group):
    """The service's client at Maskinporten."""

    issuer: Issuer
    client_id: str
    client_key_path: AbsolutePath
    resource: str = ""
    """Audience to which the service's tokens are restricted, if any."""


class AltinnSettings(Group):
    """Altinn's list of a person's rights, its decision point and its notifications."""

    base_url: Url
    subscription_key: AsciiSecret
    token_exchange: bool = False
    rights: Literal["authorized-parties", "pdp"] = "authorized-parties"
    decision_scope: str = DECISION_SCOPE
    resource_confidential: str = ""
    resource_ordinary: str = ""
    scope: str = PARTIES_SCOPE
    notifications_base_url: Url | None = None
    """URL of Altinn's notifications to recipients. Unset: sharers notify recipients themselves."""
    notifications_scope: str = NOTIFICATIONS_SCOPE
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
    max_mb: int = Field(2000, ge=1, le=2000)
    """Length, in MB, above which documents are not scanned."""
    signature_days: int = Field(7, ge=1, le=365)
    """Age, in days, above which the engine's signatures are stale."""


class MailSettings(Group):
    """The mail server for e-mail to members and administrators."""

    optional_marks = frozenset({"username", "password"})

    host: Host
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    sender: Mailbox
    username: Annotated[str, AfterValidator(ascii_alone)] = ""
    password: AsciiSecret = SecretStr("")

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
