"""Privileges of the processes' own roles in PostgreSQL: each may write only what it needs.

The tables belong to the role that migrates them and runs the operator's commands. Server processes and workers may use
roles of their own. Injected SQL can do no more than the role of its process.

Guarantees:
- The role of the server processes cannot add an operator, confirm the clock, or change or remove an event.
- Neither role can change the schema.
"""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection, text

from deldokument.store.audit.seal_requests import seal_status
from deldokument.store.engine.engines import open_engines, require_roles
from deldokument.store.maintenance.deployment import deployment
from deldokument.store.maintenance.orphans import sweep
from deldokument.store.tables.audit import audit_certificate, audit_checkpoint, audit_event, audit_subject
from deldokument.store.tables.tenancy import account, administrator, integration, member, operator, tenant
from deldokument.store.tenancy.agreements import published_text

_ALL: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_READ: Final = ("SELECT",)
_APPEND: Final = ("SELECT", "INSERT")
_KEEP: Final = ("SELECT", "UPDATE", "DELETE")
"""May change and erase rows, but makes none: for what people alone add."""
_REVISION: Final = "alembic_version"

Privileges = Mapping[str, Collection[str]]
SERVE: Final[Privileges] = {
    _REVISION: _READ,
    operator.name: _READ,
    deployment.name: _READ,
    sweep.name: _READ,
    published_text.name: _APPEND,
    audit_event.name: _APPEND,
    audit_subject.name: _APPEND,
    audit_checkpoint.name: _READ,
    audit_certificate.name: _READ,
    seal_status.name: _READ,
}
"""Tables that server processes may not write, or not in every way. They write all others."""
WORKER: Final[Privileges] = {
    _REVISION: _READ,
    operator.name: _READ,
    administrator.name: ("SELECT", "DELETE"),
    tenant.name: _KEEP,
    account.name: _KEEP,
    member.name: _KEEP,
    integration.name: _KEEP,
    published_text.name: _READ,
    audit_event.name: _APPEND,
    audit_checkpoint.name: _APPEND,
    audit_certificate.name: _APPEND,
}
"""The same for workers."""

# Including tables that only the previous version uses, which keeps running during an upgrade.
_TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")


def grant_privileges(database_url: str, *, serve: str | None, worker: str | None) -> None:
    """Give the roles exactly their privileges on the present tables; does nothing for a role that is None.

    They change in one transaction, so that running processes are not disturbed.

    Raises: Unavailable if a role does not exist.
    """
    chosen = [(role, limits) for role, limits in ((serve, SERVE), (worker, WORKER)) if role]
    if not chosen:
        return
    engines = open_engines(database_url)
    try:
        with engines.write() as connection:
            require_roles(connection, [role for role, _ in chosen])
            for role, limits in chosen:
                _grant(connection, role, limits)
    finally:
        engines.close()


def _grant(connection: Connection, role: str, limits: Privileges) -> None:
    quote = connection.dialect.identifier_preparer.quote
    for table in connection.execute(_TABLES).scalars().all():
        connection.execute(text(f"REVOKE ALL ON {quote(table)} FROM {quote(role)}"))
        verbs = ", ".join(limits.get(table, _ALL))
        connection.execute(text(f"GRANT {verbs} ON {quote(table)} TO {quote(role)}"))
