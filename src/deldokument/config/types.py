"""Validated types of settings: hosts, ports, URLs, database URLs, paths and codes.

Guarantees:
- An error shows no value, because it may contain a password.
"""

import ipaddress
import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from deldokument.domain.errors import InvalidInput
from deldokument.domain.identifiers import parse_organization
from deldokument.domain.messages.email_addresses import check_address
from deldokument.domain.shares.scan_policy import ScanPolicy, parse_policy

_SQLITE: Final = ("sqlite:///", "sqlite+pysqlite:///")
_POSTGRES: Final = ("postgresql://", "postgresql+psycopg://")
_MAX_SOCKET_PATH_BYTES: Final = 107
"""The longest path of a Unix socket (unix(7), sun_path)."""
_HOST_VARIABLES: Final = ("PGHOST", "PGHOSTADDR")


def is_loopback(host: str) -> bool:
    """Return whether a host is certainly this machine: localhost, or a loopback address. Resolves no names."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _database_url(value: str) -> str:
    """Check a database URL as SQLAlchemy reads it; SQLite needs a file, because several connections share it."""
    if value.startswith(_SQLITE) and not value.endswith(("///", "/:memory:")):
        return value
    if not value.startswith(_POSTGRES):
        raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")
    return _postgres_url(value)


def _postgres_url(value: str) -> str:
    """Check a PostgreSQL URL, which must require verified TLS unless every host is this machine."""
    if not value.startswith(_POSTGRES):
        raise ValueError("must be a postgresql URL")
    try:
        parts = urlsplit(value)
        # A character such as "/" in the password would end the host. Then the login would be read as the host, and the
        # host as the database.
        is_plain = parts.port != 0 and "#" not in value and "@" not in parts.path + parts.query
    except ValueError:
        is_plain = False
    if not is_plain:
        raise ValueError("must have its password percent-encoded, and a valid port")
    if not is_on_this_machine(value) and not _has_verified_tls(parts):
        raise ValueError(
            "must have sslmode=verify-full and channel_binding=require in its query (with a client certificate,"
            " sslcert instead of the latter), unless every host is loopback or a Unix socket"
        )
    return value


def is_on_this_machine(database_url: str) -> bool:
    """Return whether libpq would connect only to loopback and Unix sockets.

    False with a service file, which may name any host.
    """
    parts = urlsplit(database_url)
    query = parse_qs(parts.query, keep_blank_values=True)
    if "service" in query or "PGSERVICE" in os.environ:
        return False
    named = [parts.netloc.rpartition("@")[2], *query.get("host", []), *query.get("hostaddr", [])]
    named += [os.environ[name] for name in _HOST_VARIABLES if name in os.environ]
    hosts = [_without_port(unquote(entry)) for entries in named for entry in entries.split(",")]
    return all(not host or host[0] in "/@" or is_loopback(host) for host in hosts)


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _has_verified_tls(parts: SplitResult) -> bool:
    """Return whether the server is authenticated by TLS, and the login bound to that connection."""
    query = parse_qs(parts.query)
    is_bound = query.get("channel_binding") == ["require"] or "sslcert" in query
    return query.get("sslmode") == ["verify-full"] and is_bound


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]


_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def _checked_url(value: str) -> str:
    """Check an absolute http(s) URL without credentials, query or fragment; http only for this machine."""
    parts = urlsplit(value)
    host = parts.hostname or ""
    plain = parts.scheme == "http" and is_loopback(host)
    if not host or not (parts.scheme == "https" or plain):
        raise ValueError("must be an https URL (http only for this machine)")
    if parts.username is not None or parts.query or parts.fragment or not _has_valid_port(value):
        raise ValueError("must have no user name, query or fragment, and a valid port")
    return value.rstrip("/")


def _scanner_url(value: str) -> str:
    """Check the URL of a scanner. Without TLS it must be on this machine, because it gets documents in the clear."""
    parts = urlsplit(value)
    plain = not (parts.query or parts.fragment or parts.username)
    if parts.scheme in {"icap", "icaps"}:
        is_safe = parts.scheme == "icaps" or is_loopback(parts.hostname or "")
        if not (is_safe and plain and parts.hostname and len(parts.path) > 1 and _has_valid_port(value) and parts.port):
            raise ValueError("must be icap://HOST:PORT/SERVICE on this machine, or icaps://HOST:PORT/SERVICE")
        return value
    if parts.scheme == "unix" and not parts.netloc and len(parts.path) > 1 and plain:
        return value
    here = parts.scheme == "tcp" and is_loopback(parts.hostname or "") and not parts.path
    if not here or not plain or not _has_valid_port(value) or parts.port is None:
        raise ValueError("must be unix:///SOCKET, or tcp://HOST:PORT on this machine")
    return value


def _checked_issuer(value: str) -> str:
    """Check an issuer URL. A trailing slash stays, because issuers are compared character by character."""
    _checked_url(value)
    return value


def origin(value: str) -> str:
    """Return an origin as browsers write it (RFC 6454, 6.1), because origins are compared character by character."""
    parts = urlsplit(value)
    if parts.path:
        raise ValueError("must be scheme, host and port only")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _has_valid_port(value: str) -> bool:
    try:
        return urlsplit(value).port != 0
    except ValueError:
        return False


def _host_alone(value: str) -> str:
    if set(value) & set("/@[] ") or value.count(":") == 1:
        raise ValueError("must be a host's name or address and nothing else; its port is apart")
    return value


def ascii_alone(value: str | SecretStr) -> str | SecretStr:
    """Check that a text is printable ASCII, for protocols and libraries that accept nothing else."""
    text = value if isinstance(value, str) else value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must have no other letters than ASCII's")
    return value


def _codes(value: Any) -> Any:
    """Split codes at commas, drop a URN prefix and fold case."""
    items = value.split(",") if isinstance(value, str) else value
    return frozenset(str(item).strip().casefold().rpartition(":")[2] for item in items if str(item).strip())


def _not_empty(value: frozenset[str]) -> frozenset[str]:
    if not value:
        raise ValueError("must name at least one role or access package")
    return value


def _apart(value: Any) -> Any:
    return frozenset(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _scan_policy(value: Any) -> Any:
    return parse_policy(value) if isinstance(value, str) else value


def _organization_number(value: str) -> str:
    try:
        return parse_organization(value).value
    except InvalidInput:
        raise ValueError("must be an organisation number") from None


def _mailbox(value: str) -> str:
    try:
        return check_address(value)
    except InvalidInput:
        raise ValueError("must be an e-mail address") from None


def _absolute(value: Path) -> Path:
    return value.expanduser().absolute()


def _socket_path(value: Path) -> Path:
    if len(os.fsencode(value)) > _MAX_SOCKET_PATH_BYTES:
        raise ValueError(f"must have at most {_MAX_SOCKET_PATH_BYTES} bytes, as the path of a socket")
    return value


Url = Annotated[str, AfterValidator(_checked_url)]


Issuer = Annotated[str, AfterValidator(_checked_issuer)]


ScannerUrl = Annotated[str, AfterValidator(_scanner_url)]


Host = Annotated[str, AfterValidator(_host_alone)]


AsciiSecret = Annotated[SecretStr, AfterValidator(ascii_alone)]


Number = Annotated[str, AfterValidator(_organization_number)]


Mailbox = Annotated[str, AfterValidator(_mailbox)]


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


SocketPath = Annotated[AbsolutePath, AfterValidator(_socket_path)]


Port = Annotated[int, Field(ge=1, le=65535)]


Ports = Annotated[frozenset[Port], BeforeValidator(_apart), Field(min_length=1)]


Networks = Annotated[frozenset[IPv4Network | IPv6Network], BeforeValidator(_apart)]


Mount = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$")]


Codes = Annotated[frozenset[str], BeforeValidator(_codes), AfterValidator(_not_empty)]


ScanPolicyText = Annotated[ScanPolicy, BeforeValidator(_scan_policy)]


RoleName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
