"""The pages name the login levels that the service accepts."""

import inspect
import json
import re
from datetime import UTC, datetime

import pytest

from deldokument.adapters.idporten.id_tokens import LEVELS
from deldokument.adapters.idporten.login import IdPorten
from deldokument.domain.errors import ServiceError
from deldokument.web.ks.sharing import read_metadata
from tests.docs.documents import DOCS, table
from tests.support.stage.stage import OLA

NOW = datetime(2026, 11, 28, tzinfo=UTC)
KS = (DOCS / "ks-compatible.md").read_text("utf-8")


def accepts(level: int | None) -> bool:
    body = {"dokumentnavn": "a.pdf", "ttl": 600, "eksponertFor": [{"type": "PERSON", "fnr": OLA}]}
    try:
        read_metadata(json.dumps(body | {"sikkerhetsniva": level}).encode())
    except ServiceError:
        return False
    return True


def test_the_levels_of_ks_are_those_that_are_accepted() -> None:
    [row] = [row for row in table(KS, "Share a document") if "sikkerhetsniva" in row[0]]
    stated = {int(digit) for digit in re.findall(r"\d", row[1].partition(":")[0])}
    assert stated == {level for level in range(10) if accepts(level)}
    assert accepts(None)
    assert "absent" in row[1]


@pytest.mark.parametrize("page", ["ks-compatible.md", "operate/connect.md", "integrating.md"])
def test_each_page_names_the_level_that_id_porten_is_asked_for(page: str) -> None:
    required = inspect.signature(IdPorten).parameters["required_acr"].default
    assert f"`{required}`" in (DOCS / page).read_text("utf-8")


def test_the_operators_page_names_the_refused_levels() -> None:
    text = (DOCS / "operate" / "connect.md").read_text("utf-8")
    assert all(f"`{level}`" in text for level in LEVELS)
