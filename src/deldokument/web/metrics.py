"""Metrics for the operator's monitoring, in Prometheus' text format.

Guarantees:
- They contain no names and no ids.
- Values from the database are the same on every node. The node's own values are clock, chains that are behind, free
  space, expiry of files, scanner, and the metrics of server processes (`web.http.meter`).
- Without the token, or if the operator has set none, the endpoint returns 404.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from deldokument.ports.dependencies import Dependencies
from deldokument.services.maintenance.alarms import count_limited_persons
from deldokument.services.maintenance.lag import WorkerLag, measure_lag
from deldokument.web.http.meter import Meter

PATH = "/helse/metrikker"
_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class NodeState:
    """State of the machine: free bytes by place, and expiry times of keys and certificates.

    ``scanner_up``: whether the scanner answers; None if there is none.
    """

    free_bytes: Mapping[str, int] = field(default_factory=dict)
    expiries: Mapping[str, datetime] = field(default_factory=dict)
    scanner_up: bool | None = None


@dataclass(frozen=True, slots=True)
class MetricSources:
    """Sources of the metrics besides the database."""

    meter: Meter
    node_state: Callable[[], NodeState] = NodeState


def metrics(deps: Dependencies, token: str, sources: MetricSources, request: Request) -> Response:
    """Return the metrics of the deployment, of this machine and of its server processes.

    Raises: HTTPException with 404, as for an unknown path, without the operator's token.
    """
    given = request.headers.get("authorization", "")
    if not token or not compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise HTTPException(404)
    limited_persons = count_limited_persons(deps.database, deps.clock)
    text = as_text(measure_lag(deps), limited_persons, sources.node_state()) + sources.meter.as_text()
    return Response(text, media_type=_TYPE)


def as_text(measured: WorkerLag, limited_persons: int = 0, node: NodeState | None = None) -> bytes:
    """Return the metrics in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families([*_lag_families(measured, limited_persons), *_node_families(node or NodeState())]))
    return generate_latest(registry)


class _Families(Collector):
    """Metrics that have been measured already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _lag_families(measured: WorkerLag, limited_persons: int) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("deldokument_waiting", "Items that wait for the worker.", labels=["queue"])
    lag = GaugeMetricFamily(
        "deldokument_lag_seconds", "Seconds that the oldest waiting item has waited.", labels=["queue"]
    )
    for queue, one in measured.waiting.items():
        waiting.add_metric([queue], one.count)
        lag.add_metric([queue], measured.lags[queue].total_seconds())
    yield from (waiting, lag)
    if measured.heartbeat_age is not None:
        seconds = measured.heartbeat_age.total_seconds()
        yield GaugeMetricFamily(
            "deldokument_heartbeat_age_seconds", "Seconds since the last worker heartbeat.", seconds
        )
    if measured.trail_age is not None:
        seconds = measured.trail_age.total_seconds()
        yield GaugeMetricFamily(
            "deldokument_audit_verification_age_seconds",
            "Seconds since the audit trail was last verified; before the first time, since its first event.",
            seconds,
        )
    halted = GaugeMetricFamily(
        "deldokument_destruction_halted",
        "1: keys are not destroyed until an operator confirms the clock, or unusually many early ends.",
        labels=["confirm"],
    )
    for confirmed, is_halted in measured.halts.items():
        halted.add_metric([confirmed], is_halted)
    yield halted
    yield CounterMetricFamily(
        "deldokument_damaged_rows", "Rows that were found changed outside the service.", measured.damaged_rows
    )
    yield GaugeMetricFamily(
        "deldokument_chains_behind",
        "Chains of the event log of which the database lacks events.",
        measured.chains_behind,
    )
    yield GaugeMetricFamily(
        "deldokument_refusal_limited_persons",
        "Persons who were refused too often at links within the last hour.",
        limited_persons,
    )
    skew = measured.skew.total_seconds()
    yield GaugeMetricFamily(
        "deldokument_clock_skew_seconds", "Clock difference between this node and the database, in seconds.", skew
    )


def _node_families(state: NodeState) -> Iterator[Metric]:
    free = GaugeMetricFamily("deldokument_free_bytes", "Free bytes on this machine's disk.", labels=["place"])
    for place, count in state.free_bytes.items():
        free.add_metric([place], count)
    expiry = GaugeMetricFamily(
        "deldokument_expiry_timestamp_seconds", "When a key or certificate expires, as Unix time.", labels=["name"]
    )
    for name, at in state.expiries.items():
        expiry.add_metric([name], at.timestamp())
    yield from (free, expiry)
    if state.scanner_up is not None:
        yield GaugeMetricFamily("deldokument_scanner_up", "1: the malware scanner answers.", state.scanner_up)
