"""Process of the web server: the public and the management application, each with its own listener."""

import logging
import threading
import time
from functools import partial

from deldokument import __version__
from deldokument.bootstrap.node_state import expiries, free_bytes
from deldokument.bootstrap.runtime import Runtime
from deldokument.bootstrap.scanner import is_scanner_up
from deldokument.bootstrap.tracing import trace_node
from deldokument.bootstrap.tune import keep_freed_memory, tune_garbage_collection
from deldokument.config.settings import Settings
from deldokument.domain.errors import ServiceError
from deldokument.ports.dependencies import Dependencies
from deldokument.server.listeners import Listeners, serve_both
from deldokument.services.audit.heads import PERIOD_SECONDS, compare_heads
from deldokument.web.app import create_app, security_headers
from deldokument.web.http.meter import Meter
from deldokument.web.http.request import Endpoint
from deldokument.web.http.site import Site
from deldokument.web.management import create_management
from deldokument.web.metrics import MetricSources, NodeState

log = logging.getLogger("deldokument.integrity")


def serve(settings: Settings, node: Runtime, listeners: Listeners, extra: tuple[Endpoint, ...] = ()) -> None:
    """Run the web application until a signal arrives; then end the process by SystemExit."""
    keep_freed_memory()
    site = _site(settings)
    token = settings.metrics_token.get_secret_value() if settings.metrics_token else ""
    with trace_node(settings, node) as (deps, tracing):
        meter = tracing.meter() if tracing else Meter()
        node.registers.clients.observe = meter.count_call
        for register, breaker in node.registers.breakers.items():
            breaker.observe = meter.breakers.labels(register).set
        node.database.observe_connections(meter.connections.inc, meter.connections.dec)
        if node.database.max_connections is not None:
            meter.limit_connections(node.database.max_connections)
        sources = MetricSources(meter, partial(_state, settings, node))
        app = create_app(deps, site, extra, meter)
        tune_garbage_collection()
        threading.Thread(target=_watch_heads, args=(deps,), daemon=True, name="heads").start()
        serve_both(
            tracing.requests(app) if tracing else app,
            create_management(node.deps, token, sources),
            listeners,
            lend_sockets=settings.lend_sockets,
            max_connections=settings.max_connections,
            own_headers=security_headers(secure=site.secure),
        )


def _watch_heads(deps: Dependencies) -> None:
    """Compare the database with the locally stored heads for as long as the process runs."""
    logged = ""
    while True:
        time.sleep(PERIOD_SECONDS)
        try:
            compare_heads(deps)
            logged = ""
        except ServiceError as error:
            if str(error) != logged:
                log.warning("heads of the event log: %s", error)
            logged = str(error)


def _state(settings: Settings, node: Runtime) -> NodeState:
    scanner_up = is_scanner_up(settings.scanner) if settings.scanner else None
    return NodeState(free_bytes(settings), expiries(settings, node.deps.signer), scanner_up)


def _site(settings: Settings) -> Site:
    return Site(
        public_url=settings.public_url,
        operator_name=settings.operator_name,
        operator_contact=settings.operator_contact or "",
        accessibility_url=settings.accessibility_statement_url or "",
        privacy_url=settings.privacy_url or "",
        demo=settings.demo,
        version=__version__,
    )
