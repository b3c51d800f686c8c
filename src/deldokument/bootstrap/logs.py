"""The log of a process: standard error, one line for each event, as text or JSON."""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"


class JsonFormatter(logging.Formatter):
    """One JSON object on one line. Text that somebody else chose cannot forge another line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON, with its traceback if there is one."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if hasattr(record, "trace"):
            line["trace"] = record.trace
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """One line, with the id of the trace at its end if there is one; a traceback follows."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line without its traceback."""
        line = super().formatMessage(record)
        return f"{line} trace={record.trace}" if hasattr(record, "trace") else line


def configure_logging(form: Literal["text", "json"] = "text") -> None:
    """Log to standard error, one line for each event."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter(_TEXT))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
