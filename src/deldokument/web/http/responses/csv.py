"""CSV lines for spreadsheets, as Norwegian Excel opens them: UTF-8 with BOM, semicolons, CRLF.

Guarantees:
- No text is read as a formula: a text that begins like one, even after white space, gets a leading apostrophe (OWASP,
  «CSV Injection»).
- Every text is quoted, so a program that splits at commas or tabs does not split inside a text.
- Numbers are written without quotes.
"""

import csv
import io
from collections.abc import Iterable

CSV_TYPE = "text/csv; charset=utf-8"
CSV_HEAD = "\ufeff"
"""Byte order mark at the start of the file: without it Excel assumes another encoding."""
# Includes the full-width forms: spreadsheets in East Asian languages treat them as the ASCII characters.
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def csv_line(values: Iterable[str | int]) -> str:
    """Return one line, with its line ending."""
    line = io.StringIO()
    writer = csv.writer(line, delimiter=";", quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow([_harmless(value) if isinstance(value, str) else value for value in values])
    return line.getvalue()


def _harmless(text: str) -> str:
    suspect = text.startswith(_BEGINS_FORMULA) or text.lstrip().startswith(_BEGINS_FORMULA)
    return f"'{text}" if suspect else text
