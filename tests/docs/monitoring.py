"""The metrics of the code, and the dashboard that is made of them; run as a program, it writes the dashboard.

python -m tests.docs.monitoring
"""

import json
from datetime import timedelta
from typing import Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from deldokument.domain.errors import NotFound
from deldokument.services.maintenance.lag import WorkerLag
from deldokument.store.maintenance.backlog import Queue, Waiting
from deldokument.web.http.meter import LOGIN_ROUTE, Meter, note_refusal
from deldokument.web.metrics import NodeState, as_text
from tests.docs.documents import ROOT
from tests.support.stage.stage import NOON

FOLDER = ROOT / "deploy" / "monitoring"
DASHBOARD = FOLDER / "dashboard.json"
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "gauge": ("",)}
_COLUMNS, _WIDTH, _HEIGHT = 2, 12, 8


def families() -> list[Metric]:
    """Return every family of metrics, each with a sample."""
    meter = Meter()
    scope: dict[str, Any] = {"root_path": LOGIN_ROUTE}
    note_refusal(scope, NotFound("page"))
    meter.count_request(scope, 400, 0, 0, 0.1)
    meter.count_call("altinn", "2xx", 0.1)
    meter.limit_connections(40)
    meter.breakers.labels("altinn").set(0)
    waiting = {Queue.KEYS.value: Waiting(1, NOON)}
    lags, halts = {Queue.KEYS.value: timedelta()}, {"clock": False}
    lag = WorkerLag(waiting, lags, timedelta(), timedelta(), halts, 0, 0, timedelta())
    text = as_text(lag, 0, NodeState({"blobs": 1}, {"seal": NOON}, True)) + meter.as_text()
    return list(text_string_to_metric_families(text.decode()))


def sample_names() -> set[str]:
    """Return the names that a query may use."""
    return {family.name + suffix for family in families() for suffix in _SUFFIXES[family.type]}


def dashboard() -> dict[str, Any]:
    """Return the dashboard: a panel for each family, with the family's help as its title."""
    return {
        "title": "Del dokument",
        "uid": "deldokument",
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        # The panels name their source by it, so that the dashboard suits every Grafana.
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": [_panel(number, family) for number, family in enumerate(families())],
    }


def as_json() -> str:
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def _panel(number: int, family: Metric) -> dict[str, Any]:
    labels = [name for name in family.samples[0].labels if name != "le"]
    position = {"x": number % _COLUMNS * _WIDTH, "y": number // _COLUMNS * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    legend = " ".join(f"{{{{{label}}}}}" for label in labels) or "{{instance}}"
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": family.documentation,
        "gridPos": position,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": _unit(family)}, "overrides": []},
        "targets": [{"refId": "A", "expr": _query(family, labels), "legendFormat": legend}],
    }


def _query(family: Metric, labels: list[str]) -> str:
    match family.type:
        case "counter":
            by = f" by ({', '.join(labels)})" if labels else ""
            return f"sum{by} (rate({family.name}_total[5m]))"
        case "histogram":
            by = ", ".join([*labels, "le"])
            return f"histogram_quantile(0.95, sum by ({by}) (rate({family.name}_bucket[5m])))"
        case _ if family.name.endswith("timestamp_seconds"):
            return f"{family.name} - time()"
        case _:
            return family.name


def _unit(family: Metric) -> str:
    if "bytes" in family.name:
        return "Bps" if family.type == "counter" else "bytes"
    if family.type == "counter":
        return "ops"
    return "s" if family.name.endswith("_seconds") else "short"


if __name__ == "__main__":
    DASHBOARD.write_text(as_json(), "utf-8")
