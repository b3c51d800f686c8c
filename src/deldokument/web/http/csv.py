"""Lines of CSV files for spreadsheets, as Norwegian Excel opens them: UTF-8 with a mark, semicolons, CRLF.

Promises that no text becomes a formula: what could begin one gets an apostrophe before it (OWASP, «CSV Injection»),
also behind white space; and every text stands in quotes, so that a program that divides at commas or tabs finds no
other beginning inside it. Numbers are written as they are.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

CSV_TYPE = "text/csv; charset=utf-8"
CSV_HEAD = "\ufeff"
"""Stands first in the file: without it Excel takes the text for another encoding."""
# The wide forms too: spreadsheets in East Asian languages take them for the narrow ones.
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_line(values: Iterable[str | int]) -> str:
    """One line, with its end."""
    line = io.StringIO()
    writer = csv.writer(line, delimiter=";", quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow([_harmless(value) if isinstance(value, str) else value for value in values])
    return line.getvalue()


def _harmless(text: str) -> str:
    suspect = text.startswith(_BEGINS_FORMULA) or text.lstrip().startswith(_BEGINS_FORMULA)
    return f"'{text}" if suspect else text
