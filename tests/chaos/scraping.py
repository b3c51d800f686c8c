"""What Prometheus reads of a cluster, and the alerts that the delivered rules raise from it."""

import json
import time
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deldokument.web.metrics import PATH
from tests.chaos.cluster import METRICS_TOKEN, Cluster, Member
from tests.docs.monitoring import FOLDER
from tests.support.servers.ports import NO_TLS
from tests.support.servers.promtool import promtool

_HELD = 45
"""Minutes. Of the rules that a fault here can reach, LoginsFail waits longest: 15 minutes, for a rate over 15."""
_FIRING = 'group by (alertname) (ALERTS{alertstate="firing"})'
_COUNTERS = {"counter", "histogram"}


@dataclass(slots=True)
class Scrape:
    """Samples of all nodes, by series as PromQL writes it."""

    gauges: dict[str, float] = field(default_factory=dict)
    counters: dict[str, float] = field(default_factory=dict)


def scrape(cluster: Cluster) -> Scrape:
    """Ask each node as Prometheus does: one that does not answer with 200 has `up` 0, and no other sample."""
    read = Scrape()
    for node in cluster.nodes:
        target = {"job": "deldokument", "instance": node.program.name}
        text = _metrics(node)
        read.gauges[_series("up", target)] = float(bool(text))
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                series = _series(sample.name, sample.labels | target)
                if family.type in _COUNTERS:
                    read.counters[series] = sample.value
                else:
                    # The time of promtool's tests begins at 0.
                    since = time.time() if sample.name.endswith("_timestamp_seconds") else 0.0
                    read.gauges[series] = sample.value - since
    return read


def check_alerts(folder: Path, before: Scrape, after: Scrape, expected: Set[str]) -> None:
    """Hold two scrapes for longer than any rule waits. Raises: AssertionError if other alerts fire than expected.

    Gauges stay as in the second. Counters grow each minute by as much as between the two scrapes. The rules compare
    rates with one another only, so the true time between the scrapes does not matter.
    """
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in _values(before, after)],
        "promql_expr_test": [
            {
                "expr": _FIRING,
                "eval_time": f"{_HELD}m",
                "exp_samples": [{"labels": _series("", {"alertname": name}), "value": 1} for name in sorted(expected)],
            }
        ],
    }
    written = folder / "alerts_test.yml"
    # JSON is YAML.
    written.write_text(json.dumps({"rule_files": [str(FOLDER / "alerts.yml")], "tests": [test]}))
    promtool("test", "rules", written)


def _values(before: Scrape, after: Scrape) -> Iterator[tuple[str, str]]:
    for name, value in after.gauges.items():
        yield name, f"{value:f}x{_HELD}"
    for name, value in after.counters.items():
        first = before.counters.get(name, 0.0)
        yield name, f"{first:f}+{value - first:f}x{_HELD}"


def _metrics(node: Member) -> str:
    """Empty without them."""
    try:
        answer = httpx.get(
            f"{node.management}{PATH}", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}, timeout=10, **NO_TLS
        )
    except httpx.TransportError:
        return ""
    return answer.text if answer.status_code == 200 else ""


def _series(name: str, labels: dict[str, str]) -> str:
    return f"{name}{{{', '.join(f'{label}={json.dumps(value)}' for label, value in labels.items())}}}"
