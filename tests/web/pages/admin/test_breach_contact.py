"""«Personvern»: the contact that the draft of a breach notification states."""

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.domain.tenants.tenancy import BREACH_CONTACT_LENGTH
from tests.support.browser import EWA, Web
from tests.support.stage.stage import KARI, OLA

NAMED = "Personvernombudet Eva Dal, 22 00 00 01"


def test_the_named_contact_is_in_the_draft_of_a_breach_notification(web: Web) -> None:
    path, ewa = f"/konfigurasjon/{web.stage.tenant.id}/personvern", web.browser(EWA)
    answer = ewa.post(path, {"breach_contact": f" {NAMED} "})
    assert answer.status_code == 303
    page = ewa.get(answer.headers["location"]).text
    assert "Kontakten er lagret." in page
    assert f'value="{NAMED}"' in page
    ewa.post(path, {"breach_contact": NAMED})
    events = [event for _, event in web.stage.trail() if event.kind is EventKind.TENANT_RULES_CHANGED]
    assert len(events) == 1
    assert "Endret: personvernkontakt" in ewa.get(f"/konfigurasjon/{web.stage.tenant.id}/hendelseslogg").text
    share_id = web.stage.publish(OLA)
    draft = web.browser(KARI).get(f"/delinger/{share_id}/avviksmelding.txt").text
    assert f"Eksempel kommune: {NAMED}" in draft
    assert "annet kontaktpunkt" not in draft


def test_an_emptied_contact_is_said_to_be_removed(web: Web) -> None:
    path, ewa = f"/konfigurasjon/{web.stage.tenant.id}/personvern", web.browser(EWA)
    ewa.post(path, {"breach_contact": NAMED})
    page = ewa.get(ewa.post(path, {"breach_contact": " "}).headers["location"]).text
    assert "Kontakten er fjernet." in page
    assert "Kontakten er lagret." not in page


def test_a_contact_that_is_too_long_is_refused_with_what_was_typed(web: Web) -> None:
    path, ewa = f"/konfigurasjon/{web.stage.tenant.id}/personvern", web.browser(EWA)
    long = "x" * (BREACH_CONTACT_LENGTH + 1)
    answer = ewa.post(path, {"breach_contact": long})
    assert answer.status_code == 422
    assert long in answer.text
    with web.stage.deps.database.read() as tx:
        assert existing(tx.tenants.get(web.stage.tenant.id)).breach_contact == ""
