"""Deployments of processes, on PostgreSQL and on SQLite."""

from support.server import deployment  # noqa: F401

from tests.support.postgres import postgres_server, postgres_url  # noqa: F401
