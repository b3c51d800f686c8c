"""Deployments of processes, on PostgreSQL and on SQLite."""

from tests.support.postgres import postgres_server, postgres_url  # noqa: F401
