"""«Legg til dokumenter»: documents are uploaded beside a published share, and added together."""

import re
from typing import Any

import pytest

from tests.support.browser import Browser, Web
from tests.support.stage.accounts import set_rules
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.stage import KARI, ODD, OLA

NEW = b"nytt innhold"


@pytest.fixture
def kari(web: Web) -> Browser:
    return web.browser(KARI)


@pytest.fixture
def share_id(web: Web) -> str:
    return web.stage.publish(OLA, title="Vedtak")


def announced(kari: Browser, share_id: str, **changes: Any) -> dict[str, Any]:
    facts = {"name": "vedlegg.pdf", "length": len(NEW), "modified_at": 1} | changes
    answer = kari.call("POST", f"/delinger/{share_id}/dokumenter", facts)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def uploaded(kari: Browser, share_id: str) -> str:
    """A whole document beside the share, not inspected yet; its id."""
    answer = announced(kari, share_id)
    headers = {
        "Authorization": f"Bearer {answer['upload']['token']}",
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(NEW)),
        "Content-Type": "application/offset+octet-stream",
    }
    assert kari.request("POST", answer["upload"]["endpoint"], content=NEW, headers=headers).status_code == 201
    return str(answer["document"]["id"])


def test_documents_are_uploaded_beside_the_share_and_added_when_they_are_checked(
    web: Web, kari: Browser, share_id: str
) -> None:
    path = f"/delinger/{share_id}/dokumenter"
    assert f'href="{path}"' in kari.get(f"/delinger/{share_id}").text
    document_id = uploaded(kari, share_id)
    page = kari.get(path).text
    assert ('"name": "vedlegg.pdf"' in page, "De får ikke noe varsel" in page) == (True, True)
    assert "Dokumenter som ikke er lagt til ennå" in kari.get(f"/delinger/{share_id}").text
    assert "vedlegg.pdf" not in web.browser(OLA).get(f"/d/{share_id}").text
    add = {"documents": [document_id]}
    waiting = kari.call("POST", f"/delinger/{share_id}/publisering", add)
    assert (waiting.status_code, waiting.json()) == (202, {})
    inspect_documents(web.stage.deps)
    location = kari.call("POST", f"/delinger/{share_id}/publisering", add).json()["location"]
    page = kari.get(location).text
    for words in ("Dokumentene er lagt til.", "Et dokument ble lagt til"):
        assert words in page, words
    assert "vedlegg.pdf" in web.browser(OLA).get(f"/d/{share_id}").text


def test_faults_are_reported_and_a_document_is_taken_back(kari: Browser, share_id: str) -> None:
    document = announced(kari, share_id)["document"]
    assert (document["offset"], document["complete"], document["infected"]) == (0, False, False)
    for ids, code in (([document["id"]], "Vent til alle filene"), ([], "Velg minst én fil")):
        refused = kari.call("POST", f"/delinger/{share_id}/publisering", {"documents": ids})
        assert refused.status_code == 422
        assert code in refused.json()["errors"][0]["message"]
    assert kari.call("DELETE", f"/delinger/{share_id}/dokumenter/{document['id']}").status_code == 200
    assert kari.call("DELETE", f"/delinger/{share_id}/dokumenter/{document['id']}").status_code == 404
    assert "skulle legges til, ble tatt tilbake" in kari.get(f"/delinger/{share_id}").text
    kari.post(f"/delinger/{share_id}/tilbaketrekking")
    assert kari.get(f"/delinger/{share_id}/dokumenter").status_code == 303


def test_another_member_sees_and_approves_the_documents(web: Web, kari: Browser, share_id: str) -> None:
    web.stage.add(ODD, "Odd Bakken", web.stage.byggesak)
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)
    document_id = uploaded(kari, share_id)
    inspect_documents(web.stage.deps)
    done = kari.call("POST", f"/delinger/{share_id}/publisering", {"documents": [document_id]})
    assert done.json()["location"].endswith("?lagret=foreslatt")
    odd = web.browser(ODD)
    page = odd.get(f"/delinger/{share_id}").text
    assert "<dt>Nytt dokument</dt><dd>vedlegg.pdf" in page
    [seen] = re.findall(r'name="seen" value="([^"]+)"', page)
    set_rules(web.stage, web.stage.byggesak, quota=1)
    refused = odd.post(f"/delinger/{share_id}/endring/godkjenning", {"seen": seen})
    assert (refused.status_code, "plass" in refused.text) == (422, True)
    set_rules(web.stage, web.stage.byggesak, quota=None)
    approved = odd.post(f"/delinger/{share_id}/endring/godkjenning", {"seen": seen})
    assert approved.headers["location"].endswith("?lagret=endring-godkjent")
    assert "vedlegg.pdf" in web.browser(OLA).get(f"/d/{share_id}").text
