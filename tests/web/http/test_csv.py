"""CSV lines: formulas become text, with any line separator; other values are unchanged."""

import csv
import io

import pytest

from deldokument.web.http.responses.csv import CSV_HEAD, csv_line

pytestmark = pytest.mark.once

FORMULAS = [
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+47 22 00 00 00",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20SUM(A1)",
]


def read(line: str, delimiter: str = ";") -> list[list[str]]:
    return list(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter))


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_would_be_a_formula_is_text(text: str) -> None:
    assert read(csv_line([text, "b"])) == [[f"'{text}", "b"]]


@pytest.mark.parametrize("text", ['a";=1+1;"', "a,=1+1", "a;=1+1", "a\r\n=1+1", "a\t=1+1", "a\n\r=1+1"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_no_formula_begins_inside_a_text_after_any_line_separator(text: str, delimiter: str) -> None:
    assert read(csv_line([text]), delimiter) == [[text]]


@pytest.mark.parametrize(
    "text", ["", " ", "Byggesak", "Čáhppesguolli æøå", "sak 2026/1-2", "a=b", 'med "hermetegn"', "'"]
)
def test_other_texts_are_as_they_were(text: str) -> None:
    assert read(csv_line([text])) == [[text]]


def test_a_number_is_a_number_also_below_zero() -> None:
    assert csv_line(["2026-11", 12, -3]) == '"2026-11";12;-3\r\n'


def test_a_line_is_one_line_of_a_file_that_says_its_encoding() -> None:
    assert csv_line(["Økonomi"]) == '"Økonomi"\r\n'
    assert (CSV_HEAD + csv_line(["Ø"])).encode() == b'\xef\xbb\xbf"\xc3\x98"\r\n'
