"""An OpenTelemetry collector that keeps what it gets in files, as it came."""

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@contextmanager
def collector(folder: Path) -> Iterator[str]:
    """Its address, until the block is left. The folder is made."""
    folder.mkdir()
    numbers = count()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            coming = folder / f"{next(numbers)}.coming"
            coming.write_bytes(self.rfile.read(int(self.headers["content-length"])))
            coming.rename(coming.with_suffix(".spans"))
            self.send_response(200 if self.path == "/v1/traces" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def spans(folder: Path) -> list[Span]:
    """All that has been collected."""
    messages = (ExportTraceServiceRequest.FromString(file.read_bytes()) for file in folder.glob("*.spans"))
    resources = (resource for message in messages for resource in message.resource_spans)
    return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]


def calls(folder: Path) -> dict[str, set[tuple[str, str]]]:
    """What has been called below a root, by its name: the names of the spans, each with its use case."""
    collected, called = spans(folder), defaultdict[str, set[tuple[str, str]]](set)
    roots = {span.trace_id: span.name for span in collected if not span.parent_span_id}
    for span in collected:
        use_case = "".join(attribute.value.string_value for attribute in span.attributes)
        called[roots.get(span.trace_id, "")].add((span.name, use_case.removeprefix("services.")))
    return called
