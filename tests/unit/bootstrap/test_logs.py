"""A line of the log as JSON has all that the text has, and stays one line."""

import json
import logging
import sys

from deldokument.bootstrap.logs import JsonFormatter


def formatted(message: str, *values: object, failed: bool = False) -> str:
    error = None
    if failed:
        try:
            raise ValueError("from outside")
        except ValueError:
            error = sys.exc_info()
    record = logging.LogRecord("deldokument.web", logging.ERROR, "", 0, message, values, error)
    return JsonFormatter().format(record)


def test_text_from_outside_cannot_forge_a_line() -> None:
    line = formatted("%s failed", 'x\n{"level": "INFO"}')
    assert "\n" not in line
    assert json.loads(line)["message"] == 'x\n{"level": "INFO"} failed'


def test_a_line_has_time_level_logger_process_and_traceback() -> None:
    plain, failed = json.loads(formatted("æ")), json.loads(formatted("x", failed=True))
    assert plain.keys() == {"time", "level", "logger", "process", "message"}
    assert (plain["level"], plain["logger"], plain["message"]) == ("ERROR", "deldokument.web", "æ")
    assert plain["time"].endswith("+00:00")
    assert failed["exception"].endswith("ValueError: from outside")
