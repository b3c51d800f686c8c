"""«Endre delingen»: what is wrong is corrected, and a recipient is removed after a page that says what follows."""

from __future__ import annotations

import pytest

from tests.support.accounts import set_rules
from tests.support.browser import Web
from tests.support.world import KARI, OLA, SIV

TEXTS = {"title": "Vedtak", "message": "Hei", "reference": "26/1", "confidential": "yes"}


@pytest.fixture
def share_id(web: Web) -> str:
    return web.stage.publish(OLA, SIV, title="Vedtk", message="Hei", reference="26/1")


def recipient_path(web: Web, share_id: str) -> str:
    with web.stage.deps.database.read() as tx:
        return f"/delinger/{share_id}/mottakere/{tx.shares.recipients([share_id])[0].id}"


def removal(path: str) -> str:
    return path.replace("/mottakere/", "/fjerning/")


def test_the_texts_are_filled_in_and_corrected(web: Web, share_id: str) -> None:
    kari = web.browser(KARI)
    assert f'href="/delinger/{share_id}/endring"' in kari.get(f"/delinger/{share_id}").text
    form = kari.get(f"/delinger/{share_id}/endring").text
    assert 'value="Vedtk"' in form
    answer = kari.post(f"/delinger/{share_id}/endring", TEXTS | {"confidential": "no"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{share_id}?lagret=rettet")
    page = kari.get(answer.headers["location"]).text
    for words in (
        "Endringene er lagret",
        "Vedtak</h1>",
        "Tekstene i delingen ble rettet",
        "ikke lenger merket som tau",
    ):
        assert words in page, words


def test_a_wrong_text_stays_in_the_form(web: Web, share_id: str) -> None:
    answer = web.browser(KARI).post(f"/delinger/{share_id}/endring", TEXTS | {"title": "y" * 201, "reference": "26/7"})
    assert answer.status_code == 422
    assert "y" * 201 in answer.text
    assert 'value="26/7"' in answer.text
    assert 'href="#title"' in answer.text


def test_what_another_member_must_approve_is_refused_on_the_shares_page(web: Web, share_id: str) -> None:
    set_rules(web.stage, web.stage.byggesak, four_eyes=True)
    answer = web.browser(KARI).post(f"/delinger/{share_id}/endring", TEXTS)
    assert answer.status_code == 409
    assert "må en annen bruker godkjenne det mottakerne ser" in answer.text


def test_a_recipient_gets_a_description_and_is_removed(web: Web, share_id: str) -> None:
    kari, path = web.browser(KARI), recipient_path(web, share_id)
    assert f'href="{path}"' in kari.get(f"/delinger/{share_id}").text
    assert kari.post(path, {"label": "søker"}).status_code == 303
    assert 'value="søker"' in kari.get(path).text
    wrong = kari.post(path, {"label": "y" * 101})
    assert (wrong.status_code, "y" * 101 in wrong.text) == (422, True)
    answer = kari.post(removal(path))
    assert (answer.status_code, answer.headers["location"]) == (303, f"/delinger/{share_id}?lagret=fjernet")
    page = kari.get(answer.headers["location"]).text
    for words in ("Mottakeren er fjernet", "Fjernede mottakere", "En mottaker ble fjernet"):
        assert words in page, words
    assert kari.get(path).status_code == 404


def test_the_only_recipient_is_not_removed(web: Web, share_id: str) -> None:
    kari = web.browser(KARI)
    kari.post(removal(recipient_path(web, share_id)))
    path = recipient_path(web, share_id)
    page = kari.get(path).text
    assert "Dette er den eneste mottakeren" in page
    assert "/fjerning" not in page
    assert kari.post(removal(path)).status_code == 409
