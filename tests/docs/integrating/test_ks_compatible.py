"""docs/ks-compatible.md says what KS' interface does."""

import re

from tests.docs.documents import DOCS, table
from tests.ks.published import STORE_SUCCESS, SUCCESS

TEXT = (DOCS / "ks-compatible.md").read_text("utf-8")


def test_every_path_is_listed_with_its_status() -> None:
    rows = table(TEXT, "Paths")
    documented = {tuple(row[0].strip("`").split(" ")): int(row[2]) for row in rows}
    assert documented == SUCCESS


def test_every_path_of_the_document_store_is_listed_with_its_status() -> None:
    rows = table(TEXT, "The document store")
    assert {tuple(row[0].strip("`").split(" ")): int(row[2]) for row in rows} == STORE_SUCCESS


def test_the_metadata_are_listed_as_they_are_read() -> None:
    documented = {name for row in table(TEXT, "Share a document") for name in re.findall(r"`(\w+)`", row[0])}
    assert documented == {
        "dokumentnavn",
        "ttl",
        "tilgjengeligTil",
        "eksponertFor",
        "mimetype",
        "korrelasjonsid",
        "sikkerhetsniva",
        "ikkeLagreDokumentLastetNed",
        "arkivert",
    }
