"""Traces of requests in OpenTelemetry's protocol (OTLP over HTTP).

    request ──> SQL statement, call of blob store, keyring or register

Guarantees:
- Imported only if an endpoint is configured, and with it OpenTelemetry's SDK and exporter.
- A span has names of routes, tables and functions, and no value: no id, no number, no text of anybody.
- Every span below a request names the use case that caused it.
- A collector that does not answer delays no request: spans are sent from a thread, and dropped when too many wait.

The trace context in a client's request is ignored. Otherwise a stranger could choose which requests are traced.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.types import ASGIApp, Receive, Scope, Send

from deldokument import __version__
from deldokument.ports.dependencies import Dependencies
from deldokument.web.http.dispatch import TRACE
from deldokument.web.http.meter import Meter, route_of

_USE_CASES = "deldokument.services."
_PORTS = ("blobs", "keyring", "rights", "register", "login", "tokens")
_STATEMENT = re.compile(r"\s*(\w+)(?:.*?\b(?:FROM|INTO|UPDATE)\s+\"?(\w+))?", re.DOTALL)


class Tracing(Meter):
    """The traces of this process, until `close`. It counts as a meter does, because that knows route and status."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        resource = Resource.create({"service.name": "deldokument", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("deldokument")
        for handler in logging.getLogger().handlers:
            handler.addFilter(_add_trace)

    def close(self) -> None:
        """Send the spans that wait, and end."""
        self._provider.shutdown()

    def requests(self, app: ASGIApp) -> ASGIApp:
        """Return the application with a span for each request."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            with self._span(scope["method"], SpanKind.SERVER) as span:
                await app({**scope, TRACE: _id_of(span)}, receive, send)

        return traced

    def calls(self, deps: Dependencies) -> Dependencies:
        """Return the dependencies with a span for each call of stores and registers."""
        traced: dict[str, Any] = {name: _Traced(self, name, getattr(deps, name)) for name in _PORTS}
        return replace(deps, **traced)

    def begin_statement(self, statement: str) -> Callable[[], None]:
        """Begin a span for an SQL statement; return the function that ends it."""
        if not _is_traced():
            return lambda: None
        found = _STATEMENT.match(statement)
        name = " ".join(filter(None, found.groups())) if found else "SQL"
        return self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=_use_case()).end

    def count_request(self, scope: Scope, status: int, received: int, sent: int, seconds: float) -> None:
        """Count a finished request, and name its span by the route, which is known only now."""
        super().count_request(scope, status, received, sent, seconds)
        route, span = route_of(scope), trace.get_current_span()
        span.update_name(f"{scope['method']} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status})

    @contextmanager
    def _span(self, name: str, kind: SpanKind) -> Iterator[Span]:
        # The text of an exception may name anything: only its type is recorded.
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=_use_case(), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise


class _Traced:
    """A proxy of an adapter. A call that returns an iterator is traced until it has returned it."""

    def __init__(self, tracing: Tracing, name: str, adapter: Any) -> None:
        self._tracing, self._name, self._adapter = tracing, name, adapter

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        if not callable(found) or not _is_traced():
            return found

        def call(*given: Any, **named: Any) -> Any:
            with self._tracing._span(f"{self._name}.{name}", SpanKind.CLIENT):
                return found(*given, **named)

        return call


def _is_traced() -> bool:
    """Return whether a request is being traced here; threads that move bytes work for none."""
    return trace.get_current_span().get_span_context().is_valid


def _use_case() -> dict[str, str]:
    """Return the outermost function of the services that is running, as an attribute."""
    frame: FrameType | None = sys._getframe(1)
    found = ""
    while frame:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_USE_CASES):
            found = f"{module.removeprefix('deldokument.')}.{frame.f_code.co_name}"
        frame = frame.f_back
    return {"code.function.name": found} if found else {}


def _id_of(span: Span) -> str:
    return f"{span.get_span_context().trace_id:032x}"


def _add_trace(record: logging.LogRecord) -> bool:
    """Give a log record the id of the current trace, if there is one."""
    if _is_traced():
        record.trace = _id_of(trace.get_current_span())
    return True
