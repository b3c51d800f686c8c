"""What the client reads of the service's answers."""

import pytest

from deldokument.client import models

pytestmark = pytest.mark.once

DOCUMENT = {
    "id": "00" * 16, "name": "vedtak.pdf", "length": 7, "modified_at": None, "offset": 7,
    "complete": True, "inspected": True, "verdict": "not_scanned", "handling": "released",
}  # fmt: skip
SHARE = {
    "id": "x" * 22, "account_id": "y" * 22, "state": "available", "proposed": False, "title": "", "message": "",
    "reference": "", "confidential": True, "archived": True, "notify": False, "created_at": "2026-11-24T12:00:00Z",
    "published_at": None, "expires_at": None, "closed_at": None, "link": "https://del.example/d/x", "recipients": [],
    "documents": [DOCUMENT], "pending_documents": [], "proposed_expires_at": None, "change_proposed": False,
    "return_reason": None,
}  # fmt: skip


@pytest.mark.parametrize("verdict", ["not_scanned", "a verdict of a later version", None])
def test_every_verdict_is_read_as_the_service_gives_it(verdict: str | None) -> None:
    [document] = models.share(SHARE | {"documents": [DOCUMENT | {"verdict": verdict}]}).documents
    assert document.verdict == verdict


@pytest.mark.parametrize("reason", ["Ola har flyttet.", None])
def test_the_reason_of_a_return_is_read(reason: str | None) -> None:
    assert models.share(SHARE | {"return_reason": reason}).return_reason == reason


def test_fields_of_later_versions_are_ignored() -> None:
    assert models.share(SHARE | {"new": 1}) == models.share(SHARE)
