"""Types of settings that say where something is: this machine, a URL, a database.

Guarantees: an error shows no value, which may hold a password.
"""

from __future__ import annotations

import ipaddress
import os
from typing import Annotated, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from pydantic import AfterValidator

_SQLITE: Final = ("sqlite:///", "sqlite+pysqlite:///")
_POSTGRES: Final = ("postgresql://", "postgresql+psycopg://")
_HOST_VARIABLES: Final = ("PGHOST", "PGHOSTADDR")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine and nothing else: localhost, or a loopback address without name resolution."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _database_url(value: str) -> str:
    """As SQLAlchemy writes it; with SQLite a file's, since several connections share it."""
    if value.startswith(_SQLITE) and not value.endswith(("///", "/:memory:")):
        return value
    if not value.startswith(_POSTGRES):
        raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE")
    return _postgres_url(value)


def _postgres_url(value: str) -> str:
    """A URL of PostgreSQL, with verified TLS unless every host is this machine."""
    if not value.startswith(_POSTGRES):
        raise ValueError("must be a postgresql URL")
    try:
        parts = urlsplit(value)
        # A "/" or the like in the password ends the host: login is then taken for host, and host for database.
        is_plain = parts.port != 0 and "#" not in value and "@" not in parts.path + parts.query
    except ValueError:
        is_plain = False
    if not is_plain:
        raise ValueError("must have its password percent-encoded, and a valid port")
    if not _is_on_this_machine(parts) and not _has_verified_tls(parts):
        raise ValueError(
            "must have sslmode=verify-full and channel_binding=require in its query (with a client certificate,"
            " sslcert instead of the latter), unless every host is loopback or a Unix socket"
        )
    return value


def _is_on_this_machine(parts: SplitResult) -> bool:
    """Whether libpq can connect to nothing but loopback and Unix sockets; a service file may name any host."""
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
    """Whether the server proves who it is, and the login is bound to that connection."""
    query = parse_qs(parts.query)
    is_bound = query.get("channel_binding") == ["require"] or "sslcert" in query
    return query.get("sslmode") == ["verify-full"] and is_bound


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
PostgresUrl = Annotated[str, AfterValidator(_postgres_url)]
