"""Traces of requests and of the worker's rounds, in OpenTelemetry's protocol (OTLP over HTTP).

    request, or round of a worker's loop ──> SQL statement, call of a port that leaves the process

Guarantees:
- Imported only if an endpoint is configured, and with it OpenTelemetry's SDK and exporter.
- A span contains names of routes, tables, loops and functions, and no values: no ids, numbers or texts.
- Every span below a request or round names the use case that caused it.
- A trace has at most MAX_SPANS spans, however long a transfer is. Rounds without work are not sent.
- A collector that does not answer delays no request: spans are sent from a thread, and dropped when the queue is full.

The trace context in a client's request is ignored. Otherwise a stranger could choose which requests are traced.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, replace
from functools import partial
from types import FrameType
from typing import Any, Final, TypeVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from starlette.types import ASGIApp, Receive, Scope, Send

from deldokument import __version__
from deldokument.ports.blobs import BlobWriter
from deldokument.ports.dependencies import Dependencies
from deldokument.web.http.dispatch import TRACE
from deldokument.web.http.meter import Meter, route_of
from deldokument.worker import Loop

MAX_SPANS: Final = 1000
"""Spans of one trace. A download of 5 GB reads its blobs several thousand times, and would displace other traces."""
LOCAL: Final = frozenset(
    {"clock", "database", "integrity", "media_types", "renderer", "texts", "config", "damage", "behind"}
)
"""Dependencies that do not leave the process, or only by SQL, which has spans of its own."""
_USE_CASES = "deldokument.services."
_Result = TypeVar("_Result")
_STATEMENT = re.compile(r"\s*(\w+)(?:(?:(?<=UPDATE)|.*?\b(?:FROM|INTO))\s+\"?(\w+))?", re.DOTALL)

_left: ContextVar[Iterator[int]] = ContextVar("left")
"""The spans that the current trace may still have. The threads that work for it share it."""


class Tracing:
    """The traces of this process, until `close`."""

    def __init__(self, endpoint: str) -> None:
        resource = Resource.create({"service.name": "deldokument", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
        self._provider.add_span_processor(_WithoutIdleRounds(BatchSpanProcessor(exporter)))
        self._tracer = self._provider.get_tracer("deldokument")
        for handler in logging.getLogger().handlers:
            handler.addFilter(_add_trace)

    def meter(self) -> Meter:
        """Return a meter that also names each request's span by its route."""
        return _RouteMeter()

    def close(self) -> None:
        """Send the queued spans, and stop."""
        self._provider.shutdown()

    def requests(self, app: ASGIApp) -> ASGIApp:
        """Return the application with a span for each request."""

        async def trace_request(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            with self._trace(scope["method"], SpanKind.SERVER) as span:
                await app({**scope, TRACE: _id_of(span)}, receive, send)

        return trace_request

    def rounds(self, loop: Loop) -> Loop:
        """Return the worker's loop with a trace for each round."""

        def trace_round(deps: Dependencies) -> int:
            with self._trace(loop.name, SpanKind.INTERNAL) as span:
                done = loop.round(deps)
                if done:
                    span.set_status(StatusCode.OK)
                return done

        return replace(loop, round=trace_round)

    def calls(self, deps: Dependencies) -> Dependencies:
        """Return the dependencies with a span for each call that leaves the process."""
        ports = {field.name: getattr(deps, field.name) for field in fields(deps) if field.name not in LOCAL}
        traced: dict[str, Any] = {name: _Traced(self, name, port) for name, port in ports.items() if port is not None}
        return replace(deps, **traced | {"blobs": _TracedBlobs(self, "blobs", deps.blobs)})

    def call(self, name: str, function: Callable[..., _Result], /, *given: Any, **named: Any) -> _Result:
        """Call a function of an adapter, with a span if this thread is being traced."""
        if not _takes_span():
            return function(*given, **named)
        with self._span(name, SpanKind.CLIENT):
            return function(*given, **named)

    def begin_statement(self, statement: str) -> Callable[[], None]:
        """Begin a span for an SQL statement; return the function that ends it."""
        if not _takes_span():
            return lambda: None
        found = _STATEMENT.match(statement)
        name = " ".join(filter(None, found.groups())) if found else "SQL"
        return self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=_use_case()).end

    @contextmanager
    def _trace(self, name: str, kind: SpanKind) -> Iterator[Span]:
        _left.set(iter(range(1, MAX_SPANS)))
        with self._span(name, kind) as span:
            yield span

    @contextmanager
    def _span(self, name: str, kind: SpanKind) -> Iterator[Span]:
        # The text of an exception may contain anything, so only its type is recorded.
        with self._tracer.start_as_current_span(
            name, kind=kind, attributes=_use_case(), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_status(StatusCode.ERROR, type(error).__name__)
                raise


class _RouteMeter(Meter):
    """A meter that passes the route and status of a request on to its span."""

    def count_request(self, scope: Scope, status: int, received: int, sent: int, seconds: float) -> None:
        """Count a finished request, and name its span by the route, which is known only at the end."""
        super().count_request(scope, status, received, sent, seconds)
        route, span = route_of(scope), trace.get_current_span()
        span.update_name(f"{scope['method']} {route}")
        span.set_attributes({"http.route": route, "http.response.status_code": status})


class _WithoutIdleRounds(SpanProcessor):
    """Holds the spans of a round until it ends; drops them if the round neither did work nor failed."""

    def __init__(self, sender: SpanProcessor) -> None:
        self._sender = sender
        self._held: dict[int, list[ReadableSpan]] = {}

    def on_start(self, span: ReadableSpan, parent_context: Context | None = None) -> None:  # noqa: ARG002
        if span.parent is None and span.kind is SpanKind.INTERNAL:
            self._held[_trace_of(span)] = []

    def on_end(self, span: ReadableSpan) -> None:
        held = self._held.get(_trace_of(span))
        if held is None:
            self._sender.on_end(span)
            return
        held.append(span)
        if span.parent is None:
            del self._held[_trace_of(span)]
            for one in held if span.status.status_code is not StatusCode.UNSET else ():
                self._sender.on_end(one)

    def shutdown(self) -> None:
        self._sender.shutdown()


class _Traced:
    """A tracing proxy of an adapter. If a call returns an iterator, the span ends before the iteration."""

    def __init__(self, tracing: Tracing, name: str, adapter: Any) -> None:
        self._tracing, self._name, self._adapter = tracing, name, adapter

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._adapter, name)
        return partial(self._tracing.call, f"{self._name}.{name}", found) if callable(found) else found


class _TracedBlobs(_Traced):
    """A tracing proxy of the blob store. Of a writer only `commit` is traced, because it sends the bytes."""

    def create(self, name: str, expected: int = 0, /) -> BlobWriter:
        return _TracedWriter(self._tracing, self._adapter.create(name, expected))


class _TracedWriter:
    def __init__(self, tracing: Tracing, writer: BlobWriter) -> None:
        self.write, self.abort = writer.write, writer.abort
        self.commit = partial(tracing.call, "blobs.commit", writer.commit)


def _takes_span() -> bool:
    """Return whether a trace is recorded here and has room for one more span; count that span."""
    return trace.get_current_span().is_recording() and next(_left.get(), None) is not None


def _use_case() -> dict[str, str]:
    """Return, as an attribute, the outermost function of the services that is running in this thread."""
    frame: FrameType | None = sys._getframe(1)
    found = ""
    while frame:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(_USE_CASES):
            found = f"{module.removeprefix('deldokument.')}.{frame.f_code.co_name}"
        frame = frame.f_back
    return {"code.function.name": found} if found else {}


def _trace_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    return context.trace_id if context else 0


def _id_of(span: Span) -> str:
    return f"{span.get_span_context().trace_id:032x}"


def _add_trace(record: logging.LogRecord) -> bool:
    """Give a log record the id of the current trace, if there is one."""
    span = trace.get_current_span()
    if span.get_span_context().is_valid:
        record.trace = _id_of(span)
    return True
