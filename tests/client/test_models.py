"""What the client reads of the service's answers, also of a service that is older than it."""

from __future__ import annotations

import pytest

from deldokument.client import models

pytestmark = pytest.mark.once

DOCUMENT = {
    "id": "00" * 16, "name": "vedtak.pdf", "length": 7, "modified_at": None, "offset": 7,
    "complete": True, "inspected": True,
}  # fmt: skip
SHARE = {
    "id": "x" * 22, "account_id": "y" * 22, "state": "available", "proposed": False, "title": "", "message": "",
    "reference": "", "confidential": True, "archived": True, "notify": False, "created_at": "2026-11-24T12:00:00Z",
    "published_at": None, "expires_at": None, "closed_at": None, "link": "https://del.example/d/x", "recipients": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "read"), [({"verdict": "not_scanned"}, "not_scanned"), ({"verdict": None}, None), ({}, None)]
)
def test_a_service_that_says_no_verdict_has_none(told: dict[str, str | None], read: str | None) -> None:
    [document] = models.share(SHARE | {"documents": [DOCUMENT | told]}).documents
    assert document.verdict == read
    assert document.handling is None


@pytest.mark.parametrize(("told", "read"), [({"return_reason": "Ola har flyttet."}, "Ola har flyttet."), ({}, None)])
def test_a_service_that_says_no_reason_of_a_return_has_none(told: dict[str, str], read: str | None) -> None:
    assert models.share(SHARE | {"documents": []} | told).return_reason == read
