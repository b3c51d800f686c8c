"""Notices on the pages: chosen for the account and for the share, their delivery status, and Altinn's questions."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.domain.messages.outbox import Channel, refuse
from deldokument.services.audit.recording import record_event
from deldokument.services.notifications import dispatch
from deldokument.services.notifications.recipient_reminders import plan_reminders
from deldokument.services.notifications.registry import PLANNERS
from deldokument.services.shares.published import publishing
from tests.support.browser import Web, serve, stage_in_memory
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.notices import FakeNotices, configure_notices, send_notices
from tests.support.stage.stage import KARI, OLA, SIV, person


@pytest.fixture
def with_notices() -> Iterator[tuple[Web, FakeNotices]]:
    """The application where notices are configured, and what they were given."""
    with stage_in_memory() as stage:
        altinn = configure_notices(stage)
        served = serve(stage)
        yield served, altinn
        served.close()


def first_message(web: Web, share_id: str) -> str:
    with web.stage.deps.database.read() as tx:
        return tx.outbox.of_shares([share_id], Channel.ALTINN)[0].id


def test_the_form_proposes_what_the_account_has(with_notices: tuple[Web, FakeNotices]) -> None:
    web, _ = with_notices
    page = web.browser(KARI).get("/del").text
    assert "Varsle mottakerne" in page
    assert '"notify": true' in page


def test_an_account_created_on_the_pages_notifies_from_its_first_share(with_notices: tuple[Web, FakeNotices]) -> None:
    web, altinn = with_notices
    stage = web.stage
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    created = web.browser(SIV).post(f"/konfigurasjon/{stage.tenant.id}/kontoer", {"name": "Skole"})
    account_id = created.headers["location"].rpartition("/")[2].partition("?")[0]
    with stage.deps.database.read() as tx:
        school = existing(tx.accounts.get(account_id))
    stage.add(OLA, "Ola Nordmann", school)
    ola = web.browser(OLA)
    assert '"notify": true' in ola.get("/del").text
    draft = ola.call("POST", "/del/utkast", {"account_id": school.id}).json()["draft"]
    assert draft["notify"] is True
    assert altinn.taken == []


def test_without_altinn_the_form_does_not_offer_what_cannot_be_had(web: Web) -> None:
    assert "Varsle mottakerne" not in web.browser(KARI).get("/del").text


def test_the_privacy_page_says_that_altinn_is_given_the_number(with_notices: tuple[Web, FakeNotices], web: Web) -> None:
    assert (
        "gir vi fødselsnummeret eller D-nummeret ditt til Altinn" in with_notices[0].browser().get("/personvern").text
    )
    assert "til Altinn" not in web.browser().get("/personvern").text


def test_the_sharer_decides_for_each_share(with_notices: tuple[Web, FakeNotices]) -> None:
    web, _ = with_notices
    kari = web.browser(KARI)
    draft = kari.call("POST", "/del/utkast", {"account_id": web.stage.byggesak.id}).json()["draft"]
    assert draft["notify"] is True
    body = {"account_id": web.stage.byggesak.id, "notify": False, "expires_at": "2026-12-01T12:00"}
    answer = kari.call("PUT", f"/del/utkast/{draft['id']}", body)
    assert answer.json()["draft"]["notify"] is False


def test_the_page_of_a_share_shows_the_status_of_its_notices(with_notices: tuple[Web, FakeNotices]) -> None:
    web, _ = with_notices
    share_id = web.stage.publish(OLA, notify=True)
    kari = web.browser(KARI)
    assert "Varslet" not in kari.get(f"/delinger/{share_id}").text
    send_notices(web.stage)
    page = kari.get(f"/delinger/{share_id}").text
    assert "Varslet" in page
    assert "Et varsel ble sendt til en mottaker" in page


def test_a_member_sends_a_reminder_once_a_day(with_notices: tuple[Web, FakeNotices]) -> None:
    web, altinn = with_notices
    share_id = web.stage.publish(OLA, notify=True)
    action = f"/delinger/{share_id}/paminnelse"
    assert f'action="{action}"' not in web.browser(KARI).get(f"/delinger/{share_id}").text
    web.stage.clock.advance(days=1)
    kari = web.browser(KARI)
    assert f'action="{action}"' in kari.get(f"/delinger/{share_id}").text
    page = kari.get(kari.post(action).headers["location"]).text
    assert "De som ikke har hentet alt, får en påminnelse." in page
    assert "En bruker ba om en påminnelse til mottakerne" in page
    assert f'action="{action}"' not in page
    send_notices(web.stage)
    assert len(altinn.taken) == 2
    again = kari.post(action)
    assert again.status_code == 409
    assert "mindre enn 24 timer siden" in again.text


def test_the_sharer_sees_whether_the_recipients_are_notified(with_notices: tuple[Web, FakeNotices]) -> None:
    web, _ = with_notices
    kari = web.browser(KARI)
    loud, silent = (
        kari.get(f"/delinger/{web.stage.publish(OLA, notify=notify)}/delt").text for notify in (True, False)
    )
    assert "Mottakerne får et varsel" in loud
    assert "Ingen har fått beskjed" not in loud
    assert "Ingen har fått beskjed" in silent


def test_a_recipient_who_cannot_be_reached_is_shown_to_the_sharer(with_notices: tuple[Web, FakeNotices]) -> None:
    web, altinn = with_notices
    altinn.outcome = refuse("unreachable")
    share_id = web.stage.publish(OLA, notify=True)
    send_notices(web.stage)
    assert "Altinn vet ikke hvor mottakeren kan nås" in web.browser(KARI).get(f"/delinger/{share_id}").text
    altinn.outcome = refuse("altinn_refused")
    other = web.stage.publish(SIV, notify=True)
    send_notices(web.stage)
    assert "Kunne ikke varsles" in web.browser(KARI).get(f"/delinger/{other}").text


def test_a_notice_that_waits_is_shown_as_waiting(with_notices: tuple[Web, FakeNotices]) -> None:
    web, _ = with_notices
    share_id = web.stage.publish(OLA, notify=True)
    dispatch.plan_messages(web.stage.deps, PLANNERS)
    assert "Varselet venter på å bli sendt" in web.browser(KARI).get(f"/delinger/{share_id}").text


def test_a_reminder_is_shown_as_one(with_notices: tuple[Web, FakeNotices]) -> None:
    web, _ = with_notices
    share_id = web.stage.publish(OLA, notify=True)
    send_notices(web.stage)
    with web.stage.deps.database.read() as tx:
        web.stage.clock.instant = existing(existing(tx.shares.get(share_id)).expires_at) - timedelta(days=1)
    plan_reminders(web.stage.deps)
    assert "Påminnelsen venter på å bli sendt" in web.browser(KARI).get(f"/delinger/{share_id}").text
    send_notices(web.stage)
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Varslet" in page
    assert "Påminnelse sendt" in page


def test_a_reminder_that_was_not_needed_any_more_is_not_shown(with_notices: tuple[Web, FakeNotices]) -> None:
    web, altinn = with_notices
    share_id = web.stage.publish(OLA, notify=True)
    dispatch.plan_messages(web.stage.deps, PLANNERS)
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    send_notices(web.stage)
    assert altinn.taken == []
    page = web.browser(KARI).get(f"/delinger/{share_id}").text
    assert "Kunne ikke varsles" not in page
    assert "Varselet venter" not in page


def test_an_abandoned_webhook_call_is_not_in_the_time_line(with_notices: tuple[Web, FakeNotices]) -> None:
    web, _ = with_notices
    share_id = web.stage.publish(OLA, notify=True)
    deps, given = web.stage.deps, {"message": "x", "about": "share.published", "code": "too_long"}
    for channel in ("webhook", "email"):
        with deps.database.write() as tx:
            share = existing(tx.shares.get(share_id))
            record_event(deps, tx, EventKind.MESSAGE_GIVEN_UP, share=share, person=None, channel=channel, **given)
    assert "Et varsel kunne ikke leveres" not in web.browser(KARI).get(f"/delinger/{share_id}").text


def test_altinn_learns_only_whether_to_deliver(with_notices: tuple[Web, FakeNotices]) -> None:
    web, _ = with_notices
    share_id = web.stage.publish(OLA, notify=True)
    send_notices(web.stage)
    path = f"/varsling/{first_message(web, share_id)}/vilkar"
    answer = web.browser().get(path)
    assert (answer.status_code, answer.json()) == (200, {"sendNotification": True})
    publishing.withdraw_share(web.stage.deps, person(KARI), share_id)
    assert web.browser().get(path).json() == {"sendNotification": False}


@pytest.mark.parametrize("unknown", ["AAAAAAAAAAAAAAAAAAAAAA", "x", "a" * 500])
def test_a_condition_of_nothing_is_answered_as_one_that_does_not_hold(web: Web, unknown: str) -> None:
    answer = web.browser().get(f"/varsling/{unknown}/vilkar")
    assert (answer.status_code, answer.json()) == (200, {"sendNotification": False})
