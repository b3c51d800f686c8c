"""«Be om mer tid» and «Be om ny deling»: asked by the recipient, answered by a member, without JavaScript."""

import re

import pytest

from tests.support.browser import Web
from tests.support.stage.stage import KARI, LISE, OLA, SIV, person


@pytest.fixture
def share_id(web: Web) -> str:
    """Shared with Ola and Siv, five days before its end."""
    shared = web.stage.publish(OLA, SIV, title="Vedtak")
    web.stage.clock.advance(days=5)
    return shared


def test_more_time_is_asked_for_and_given(web: Web, share_id: str) -> None:
    ola, kari = web.browser(OLA), web.browser(KARI)
    assert "Be om mer tid" in ola.get(f"/d/{share_id}").text
    answer = ola.post(f"/d/{share_id}/foresporsel", {})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/d/{share_id}#request")
    page = ola.get(f"/d/{share_id}").text
    assert "Svaret kommer her" in page
    assert "Be om mer tid" not in page
    assert "1 mottaker ba om det" in kari.get("/delinger").text
    detail = kari.get(f"/delinger/{share_id}").text
    assert "En mottaker ber om mer tid" in detail
    fields = dict(re.findall(r'type="hidden" name="(expires_\w+)" value="([^"]+)"', detail))
    given = kari.post(f"/delinger/{share_id}/sluttidspunkt", fields)
    assert given.headers["location"].endswith("?lagret=slutt")
    assert "En mottaker ber om mer tid" not in kari.get(f"/delinger/{share_id}").text
    assert 'id="request"' not in ola.get(f"/d/{share_id}").text


def test_a_refusal_with_its_reason_is_read_by_the_one_who_asked(web: Web, share_id: str) -> None:
    ola, kari = web.browser(OLA), web.browser(KARI)
    ola.post(f"/d/{share_id}/foresporsel", {})
    action = f"/delinger/{share_id}/avslag"
    wrong = kari.post(action, {"refusal-reason": "y" * 501})
    assert wrong.status_code == 422
    assert "y" * 501 in wrong.text
    assert 'href="#refusal-reason"' in wrong.text
    refused = kari.post(action, {"refusal-reason": "Fristen er <lovbestemt>."})
    assert "Du har sagt nei" in kari.get(refused.headers["location"]).text
    page = ola.get(f"/d/{share_id}").text
    assert "De sa nei" in page
    assert "Fristen er &lt;lovbestemt&gt;." in page
    assert "Fristen er" not in web.browser(SIV).get(f"/d/{share_id}").text


def test_a_share_at_its_longest_offers_no_later_end(web: Web) -> None:
    share_id = web.stage.publish(OLA)
    web.stage.clock.advance(days=5)
    web.browser(OLA).post(f"/d/{share_id}/foresporsel", {})
    web.stage.change_tenant(period=web.stage.tenant.period.__class__(longest=web.stage.tenant.period.shortest * 24))
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Delingen kan ikke få et senere sluttidspunkt" in page
    assert "Forleng til" not in page


def test_a_new_share_is_asked_for_on_the_page_of_an_ended_one(web: Web, share_id: str) -> None:
    ola, kari = web.browser(OLA), web.browser(KARI)
    kari.post(f"/delinger/{share_id}/tilbaketrekking", {"invites": "on"})
    gone = ola.get(f"/d/{share_id}")
    assert gone.status_code == 410
    assert "Be om ny deling" in gone.text
    answer = ola.post(f"/d/{share_id}/foresporsel", {})
    assert answer.status_code == 303
    asked = ola.get(f"/d/{share_id}").text
    assert "Svaret kommer her" in asked
    assert "Vedtak" not in asked
    assert "Ber om en ny deling" in kari.get("/delinger").text
    assert f'action="/delinger/{share_id}/ny-deling"' in kari.get(f"/delinger/{share_id}").text
    draft = kari.post(f"/delinger/{share_id}/ny-deling", {}).headers["location"]
    assert re.findall(r'"display": ?"([^"]+)"', kari.get(draft).text) == [person(OLA).masked]
    assert "Ber om en ny deling" not in kari.get("/delinger").text
    page = kari.get(f"/delinger/{share_id}").text
    assert ("En ny deling er på vei" in page, f'href="{draft}"' in page, "/ny-deling" in page) == (True, True, False)
    assert "De har begynt på en ny deling. Du får en ny lenke når den er klar." in ola.get(f"/d/{share_id}").text
    kari.post(f"/del/utkast/{draft.partition('=')[2]}/forkasting")
    assert "Svaret kommer her" in ola.get(f"/d/{share_id}").text
    assert "Ber om en ny deling" in kari.get("/delinger").text
    assert f'action="/delinger/{share_id}/ny-deling"' in kari.get(f"/delinger/{share_id}").text


def test_a_recipient_of_a_withdrawn_share_is_not_invited_to_ask(web: Web, share_id: str) -> None:
    ola = web.browser(OLA)
    assert "Mottakerne kan be om en ny deling" in web.browser(KARI).get(f"/delinger/{share_id}").text
    web.browser(KARI).post(f"/delinger/{share_id}/tilbaketrekking", {})
    gone = ola.get(f"/d/{share_id}")
    assert (gone.status_code, "Be om ny deling" in gone.text, "Trenger du dem" in gone.text) == (410, False, False)
    assert "Har du spørsmål?" in gone.text
    assert ola.post(f"/d/{share_id}/foresporsel", {}).status_code == 409


def test_a_colleague_is_led_to_where_the_draft_that_answers_can_be_read(web: Web, share_id: str) -> None:
    web.browser(KARI).post(f"/delinger/{share_id}/tilbaketrekking", {"invites": "on"})
    web.browser(OLA).post(f"/d/{share_id}/foresporsel", {})
    draft_id = web.browser(KARI).post(f"/delinger/{share_id}/ny-deling", {}).headers["location"].partition("=")[2]
    web.stage.add(LISE, "Lise Moen", web.stage.byggesak)
    page = web.browser(LISE).get(f"/delinger/{share_id}").text
    assert (f'href="/delinger/{draft_id}"' in page, f'href="/del?utkast={draft_id}"' in page) == (True, False)
