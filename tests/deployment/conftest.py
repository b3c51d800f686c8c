"""Deployments of processes, on PostgreSQL and on SQLite."""

from tests.support.servers.postgres import empty_postgres_url, postgres_server, postgres_url  # noqa: F401
