"""Tracing of a process, if an endpoint is configured. Otherwise OpenTelemetry's SDK and exporter are not loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deldokument.bootstrap.runtime import Runtime
from deldokument.config.settings import PREFIX, ConfigurationError, Settings
from deldokument.ports.dependencies import Dependencies

if TYPE_CHECKING:
    from deldokument.bootstrap.spans import Tracing


@contextmanager
def trace_node(settings: Settings, node: Runtime) -> Iterator[tuple[Dependencies, Tracing | None]]:
    """Yield the node's dependencies, traced if an endpoint is configured, and the tracing or None.

    Raises: ConfigurationError if the packages are missing.
    """
    if settings.otlp_endpoint is None:
        yield node.deps, None
        return
    try:
        from deldokument.bootstrap.spans import Tracing
    except ImportError:
        raise ConfigurationError(f"{PREFIX}OTLP_ENDPOINT needs the packages of the extra «traces»") from None
    tracing = Tracing(settings.otlp_endpoint)
    node.database.observe_statements(tracing.begin_statement)
    try:
        yield tracing.calls(node.deps), tracing
    finally:
        tracing.close()
