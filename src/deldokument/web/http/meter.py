"""Metrics of server processes: requests, refusals, calls to registers, circuit breakers, connections.

Guarantees:
- Labels are patterns of routes, classes of status, names of registers and codes of errors. Their number is bounded, and
  they name neither person nor share.
- With several server processes, each of them reports the sum of all (prometheus_client's multiprocess mode). Counters
  of a process that has died stay in the sum.
"""

import os
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final, Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deldokument.crypto.errors import IntegrityError
from deldokument.domain.errors import ServiceError
from deldokument.server.socket_lending import lent_bytes
from deldokument.web.http.responses.error_texts import WORDS

DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Variable of the environment with the folder that several processes share; unset with one process."""
NO_ROUTE: Final = "none"
LOGIN_ROUTE: Final = "/logg-inn/svar"
_OTHER: Final = "other"
_COMPLETED: Final = "completed"
_CODE: Final = "deldokument.refusal"
_SURFACES: Final = {
    "/api/": "api",
    "/melding-dokumentdeling/": "ks",
    "/dokumentlager": "ks",
    "/uploads": "upload",
    "/d/{id}/": "download",
    "/static": "static",
}
"""The surface of a route, by how its pattern begins; all others are pages."""
_SECONDS: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 300.0)
_ERROR: Final = 400


class Meter:
    """The metrics of a process, kept in memory or, with several processes, in files that they share."""

    def __init__(self) -> None:
        # Otherwise each series would have a second one with its creation time.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry(auto_describe=False)
        self._requests = self._counter("http_requests", "Responses, by route and class of status.", "route", "status")
        self._bytes = self._counter("http_body_bytes", "Bytes of bodies, received (in) and sent (out).", "direction")
        self._refusals = self._counter("refusals", "Responses with an error, by the error's code.", "code")
        self._logins = self._counter("logins", "Logins that returned from ID-porten, by outcome.", "outcome")
        self._calls = self._counter("register_calls", "Calls to registers, by outcome.", "register", "outcome")
        self._request_seconds = self._histogram(
            "http_request_duration_seconds", "Seconds from head to end of response.", "surface"
        )
        self._call_seconds = self._histogram(
            "register_call_duration_seconds", "Seconds that calls to registers took.", "register"
        )
        self.in_flight = self._gauge("http_requests_in_flight", "Requests that are being answered.")
        self.connections = self._gauge("database_connections_in_use", "Connections to the database in a transaction.")
        self.breakers = self._gauge(
            "breaker_open", "1: after three calls without a response, most are refused.", "register", mode="livemax"
        )

    def count_request(self, scope: Scope, status: int, received: int, sent: int, seconds: float) -> None:
        """Count a finished request. ``status`` 0: no response was begun."""
        route, code = route_of(scope), scope.get(_CODE)
        lent_in, lent_out = lent_bytes(scope)
        self._requests.labels(route, f"{status // 100}xx" if status else "none").inc()
        self._request_seconds.labels(surface_of(route)).observe(seconds)
        self._bytes.labels("in").inc(received + lent_in)
        self._bytes.labels("out").inc(sent + lent_out)
        if code is not None:
            self._refusals.labels(code).inc()
        if route == LOGIN_ROUTE:
            self._logins.labels(code or (_COMPLETED if 0 < status < _ERROR else _OTHER)).inc()

    def count_call(self, register: str, outcome: str, seconds: float) -> None:
        """Count a call to a register. ``outcome``: a class of status, or "error"."""
        self._calls.labels(register, outcome).inc()
        self._call_seconds.labels(register).observe(seconds)

    def limit_connections(self, limit: int) -> None:
        """Report the maximum number of this process's connections to the database; call at most once."""
        self._gauge("database_connections_limit", "Connections to the database that may be in use.").set(limit)

    def as_text(self) -> bytes:
        """Return the metrics of all processes in Prometheus' text format."""
        directory = os.environ.get(DIRECTORY)
        if not directory:
            return generate_latest(self._registry)
        shared = CollectorRegistry(auto_describe=False)
        shared.register(_Processes(Path(directory)))
        return generate_latest(shared)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"deldokument_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, label: str) -> Histogram:
        return Histogram(f"deldokument_{name}", text, [label], registry=self._registry, buckets=_SECONDS)

    def _gauge(self, name: str, text: str, *labels: str, mode: Literal["livesum", "livemax"] = "livesum") -> Gauge:
        # Only of living processes: a dead process is doing nothing.
        return Gauge(f"deldokument_{name}", text, labels, registry=self._registry, multiprocess_mode=mode)


class _Processes(Collector):
    """The metrics of all processes, from their files in a folder.

    Skips files that are still empty, for which the library would raise.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in self._folder.glob("*.db") if _has_content(file)]
        return MultiProcessCollector.merge(files)  # type: ignore[no-any-return,no-untyped-call]


def _has_content(file: Path) -> bool:
    with suppress(FileNotFoundError):
        return file.stat().st_size > 0
    # The file belonged to a process that has died.
    return False


class RequestMeter:
    """ASGI middleware that measures each request. It must be inside every middleware that copies the scope."""

    def __init__(self, app: ASGIApp, meter: Meter) -> None:
        self._app = app
        self._meter = meter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application, and count the request when it has ended, even by an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = received = sent = 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status, sent
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            await send(message)

        began = monotonic()
        self._meter.in_flight.inc()
        try:
            await self._app(scope, counted_receive, counted_send)
        finally:
            self._meter.in_flight.dec()
            self._meter.count_request(scope, status, received, sent, monotonic() - began)


def note_refusal(scope: MutableMapping[str, Any], error: ServiceError | IntegrityError) -> None:
    """Store the error of a request's response in the scope, for the metrics."""
    code = error.code if isinstance(error, ServiceError) else "broken"
    scope[_CODE] = code if code in WORDS else _OTHER


def route_of(scope: Scope) -> str:
    """Return the pattern of the route that answers, with the path at which its application is mounted.

    If a mounted application refuses the request before routing, return only that path.
    """
    route = scope.get("route")
    pattern = "" if isinstance(route, Mount) else getattr(route, "path", "")
    return f"{scope.get('root_path', '')}{pattern}" or NO_ROUTE


def surface_of(route: str) -> str:
    """Return the part of the service to which a route belongs."""
    return next((surface for prefix, surface in _SURFACES.items() if route.startswith(prefix)), "page")
