"""Traces: loaded only if they are configured; the log has their ids."""

import json
import logging
import re
import subprocess
import sys
from dataclasses import fields

import pytest

from deldokument.bootstrap.logs import JsonFormatter, TextFormatter
from deldokument.bootstrap.spans import LOCAL
from deldokument.ports.dependencies import Dependencies
from tests.support.deployment.operating_page import section

_PROGRAM = """
import sys
from types import SimpleNamespace
from deldokument.bootstrap import serve, work
from deldokument.bootstrap.tracing import trace_node
from deldokument.cli.operate import serve as _
from deldokument.config.settings import ConfigurationError

node = SimpleNamespace(deps="the node's")
with trace_node(SimpleNamespace(otlp_endpoint=None), node) as found:
    assert found == ("the node's", None)
# FastAPI imports the interface, which does nothing.
assert not [name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]
sys.modules["opentelemetry.sdk"] = None
try:
    with trace_node(SimpleNamespace(otlp_endpoint="http://127.0.0.1:4318"), node):
        pass
except ConfigurationError as error:
    print(error)
"""


def test_without_an_endpoint_no_part_that_sends_traces_is_loaded_and_with_one_it_has_to_be_there() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=90, check=False)
    assert done.stderr == ""
    assert done.stdout == "DELDOKUMENT_OTLP_ENDPOINT needs the packages of the extra «traces»\n"


@pytest.mark.parametrize("trace", ["", "0123456789abcdef0123456789abcdef"], ids=["not traced", "traced"])
def test_a_log_line_has_the_id_of_its_trace(trace: str) -> None:
    record = logging.LogRecord("deldokument", logging.ERROR, "", 0, "broken", None, None)
    if trace:
        record.trace = trace
    assert TextFormatter("%(message)s").format(record) == ("broken" + (f" trace={trace}" if trace else ""))
    assert json.loads(JsonFormatter().format(record)).get("trace", "") == trace


def test_the_page_names_every_port_that_is_traced() -> None:
    ports = {port.name for port in fields(Dependencies)} - LOCAL
    assert ports <= set(re.findall(r"`(\w+)`", section("Traces")))
