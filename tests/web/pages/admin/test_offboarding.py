"""«Avslutning»: what administrators of a tenant that ends, or has ended, can do."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from html import escape

import httpx
import pytest
from starlette.responses import Response

from deldokument.adapters.documents.signing import verify_signature
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import existing
from deldokument.services.audit.verification import verify_export
from deldokument.web.http.request import RequestContext
from deldokument.web.pages.admin.layout import section_endpoint
from tests.support.browser import EWA, Browser, Web, serve, stage_in_memory
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, NOON, OLA, SIV, VIGDIS, run_all
from tests.support.stage.tenants import sign_agreements


def touch(_call: RequestContext) -> Response:
    return Response("done")


EXTRA = (
    section_endpoint("/prove", touch),
    section_endpoint("/prove", touch, ("POST",)),
    section_endpoint("/etterpaa", touch, ("POST",), after_end=True),
)


@pytest.fixture
def extended() -> Iterator[Web]:
    """The application with routes that change something of a tenant."""
    with stage_in_memory() as stage:
        served = serve(stage, EXTRA)
        yield served
        served.close()


def test_nothing_of_a_tenant_that_has_ended_is_changed_any_more_but_it_can_be_read(extended: Web) -> None:
    ewa, base = extended.browser(EWA), f"/konfigurasjon/{extended.stage.tenant.id}"
    assert ewa.post(f"{base}/prove").text == "done"
    extended.stage.change_tenant(ended_at=NOON)
    answer = ewa.post(f"{base}/prove")
    assert answer.status_code == 409
    assert "Virksomheten har avsluttet tjenesten" in answer.text
    assert ewa.get(f"{base}/prove").text == "done"
    assert ewa.post(f"{base}/etterpaa").text == "done"


@pytest.fixture
def ewa(web: Web) -> Browser:
    """The administrator, logged in."""
    return web.browser(EWA)


def path(web: Web, *below: str) -> str:
    return "/".join((f"/konfigurasjon/{web.stage.tenant.id}/avslutning", *below))


def end(web: Web, browser: Browser, typed: str = "Eksempel kommune") -> httpx.Response:
    return browser.post(path(web), {"typed_name": typed})


def has_ended(web: Web) -> bool:
    with web.stage.deps.database.read() as tx:
        return existing(tx.tenants.get(web.stage.tenant.id)).ended_at is not None


def ends(web: Web) -> int:
    return [event.kind for _, event in web.stage.trail()].count(EventKind.TENANT_ENDED)


def test_the_page_lists_the_data_to_be_deleted_and_warns_that_deletion_is_final(web: Web, ewa: Browser) -> None:
    web.stage.publish()
    web.stage.draft()
    page = ewa.get(path(web)).text
    for words in ("<dt>Åpne delinger</dt><dd>1</dd>", "<dt>Utkast</dt><dd>1</dd>", "kan ikke angres", "365 dager"):
        assert words in page


@pytest.mark.parametrize("typed", ["", "Prøve kommune", "<b>Eksempel</b>"])
def test_without_the_name_of_the_organisation_nothing_ends_and_the_input_stays(
    web: Web, ewa: Browser, typed: str
) -> None:
    answer = end(web, ewa, typed)
    assert answer.status_code == 422
    assert 'href="#typed_name"' in answer.text
    assert f'value="{escape(typed)}"' in answer.text
    assert not has_ended(web)


def test_ending_leads_to_the_record_and_pressing_twice_ends_once(web: Web, ewa: Browser) -> None:
    for typed in ("eksempel kommune", "eksempel kommune"):
        answer = end(web, ewa, typed)
        assert (answer.status_code, answer.headers["location"]) == (303, path(web))
    assert has_ended(web)
    assert ends(web) == 1


def test_of_two_concurrent_ends_one_takes_effect(web: Web, ewa: Browser) -> None:
    add_administrator(web.stage.deps, tenant_id=web.stage.tenant.id, number=SIV, name="Siv Holm")
    assert [end(web, browser).status_code for browser in (ewa, web.browser(SIV))] == [303, 303]
    assert ends(web) == 1


def test_a_tenant_that_was_never_activated_can_end(web: Web, ewa: Browser) -> None:
    web.stage.change_tenant(activated_at=None)
    assert 'name="typed_name"' in ewa.get(path(web)).text
    assert end(web, ewa).status_code == 303
    assert "Tjenesten er avsluttet" in ewa.get(path(web)).text
    assert ewa.get(f"/konfigurasjon/{web.stage.tenant.id}").status_code == 200
    run_all(web.stage.deps)
    page = ewa.get(path(web)).text
    assert "Nøkler ødelagt og innhold slettet" in page
    assert "0 nøkler" not in page


def test_what_the_operator_has_stopped_is_not_ended_also_by_a_direct_post(web: Web, ewa: Browser) -> None:
    web.stage.change_tenant(frozen_at=NOON)
    page = ewa.get(path(web)).text
    assert "Så lenge den er stanset, kan tjenesten ikke avsluttes." in page
    assert 'name="typed_name"' not in page
    answer = end(web, ewa)
    assert answer.status_code == 409
    assert "Så lenge den er stanset, kan tjenesten ikke avsluttes." in answer.text
    assert not has_ended(web)


@pytest.mark.parametrize("number", [KARI, VIGDIS, None])
def test_a_stranger_sees_nothing_exports_nothing_and_ends_nothing(web: Web, number: str | None) -> None:
    stranger, expected = web.browser(number), 404 if number else 303
    assert stranger.get(path(web)).status_code == expected
    assert stranger.get(path(web, "sletteprotokoll")).status_code == expected
    assert stranger.post(path(web, "eksport")).status_code == expected
    assert end(web, stranger).status_code in {expected, 401}
    assert not has_ended(web)


def test_after_the_end_recipients_see_it_and_members_reach_nothing(web: Web, ewa: Browser) -> None:
    share_id = web.stage.publish()
    end(web, ewa)
    gone = web.browser(OLA).get(f"/d/{share_id}")
    assert gone.status_code == 410
    assert "Eksempel kommune" in gone.text
    assert "22 00 00 00" in gone.text
    kari = web.browser(KARI)
    assert kari.get(f"/delinger/{share_id}").status_code == 404
    assert 'href="/del"' not in kari.get("/").text


def test_after_the_end_the_overview_and_the_menu_say_so(web: Web, ewa: Browser) -> None:
    end(web, ewa)
    page = ewa.get(f"/konfigurasjon/{web.stage.tenant.id}").text
    assert "Tjenesten er avsluttet" in page
    assert "Av Ewa Kowalska" in page
    assert f'<a href="{path(web)}">Uttrekk og sletteprotokoll</a>' in page
    assert "Avslutte tjenesten" not in page
    assert "/kontoer" not in page
    assert "/administratorer" not in page


def test_the_deletion_record_can_be_had_when_all_is_deleted_and_not_before(web: Web, ewa: Browser) -> None:
    web.stage.publish()
    assert ewa.get(path(web, "sletteprotokoll")).status_code == 404
    end(web, ewa)
    assert "Nøkler blir ødelagt og innhold slettet" in ewa.get(path(web)).text
    assert ewa.get(path(web, "sletteprotokoll")).status_code == 409
    run_all(web.stage.deps)
    page = ewa.get(path(web)).text
    assert "1 nøkkel er ødelagt." in page
    assert f'href="{path(web, "sletteprotokoll")}"' in page
    answer = ewa.get(path(web, "sletteprotokoll"))
    assert answer.content.startswith(b"%PDF")
    assert b"/ByteRange" in answer.content
    assert answer.headers["content-disposition"].startswith("attachment;")


def test_when_names_are_erased_nobody_gets_in_any_more(web: Web, ewa: Browser) -> None:
    end(web, ewa)
    run_all(web.stage.deps)
    web.stage.clock.advance(days=365)
    run_all(web.stage.deps)
    assert web.browser(EWA).get(path(web)).status_code == 404


def exported(web: Web, browser: Browser) -> zipfile.ZipFile:
    answer = browser.post(path(web, "eksport"))
    assert answer.status_code == 200
    assert "del-dokument-310240001-2026-11-24.zip" in answer.headers["content-disposition"]
    return zipfile.ZipFile(io.BytesIO(answer.content))


def lines(archive: zipfile.ZipFile, name: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(archive.read(name).decode("utf-8-sig"), newline=""), delimiter=";"))


def test_the_export_has_shares_and_receipts_and_no_full_number_and_no_message(web: Web, ewa: Browser) -> None:
    share_id = web.stage.publish(title="=Vedtak", message="kanarifugl")
    web.browser(OLA).get(f"/d/{share_id}")
    web.stage.draft()
    archive = exported(web, ewa)
    assert archive.testzip() is None
    shares = json.loads(archive.read("delinger.json"))
    [listed] = [share for share in shares if share["id"] == share_id]
    assert (listed["title"], listed["shared_by"], listed["state"]) == ("=Vedtak", "Kari Lunde", "available")
    assert listed["recipients"][0]["opened"][0]["person"] == f"{OLA[:6]} *****"
    assert [row[:4] for row in lines(archive, "delinger.csv") if row[0] == share_id] == [
        [share_id, "Byggesak", "Kari Lunde", "Tilgjengelig"]
    ]
    assert "'=Vedtak" in archive.read("delinger.csv").decode()
    [_, receipt] = lines(archive, "kvitteringer.csv")
    assert (receipt[0], receipt[3], receipt[5]) == (share_id, "Åpnet", f"{OLA[:6]} *****")
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"kanarifugl" not in everything
    assert OLA.encode() not in everything


def test_a_document_that_was_downloaded_is_in_the_receipts(web: Web, ewa: Browser) -> None:
    share_id = web.stage.publish()
    ola = web.browser(OLA)
    assert ola.get(f"/d/{share_id}/dokument/{web.stage.document_ids(share_id)[0]}").status_code == 200
    [_, receipt] = lines(exported(web, ewa), "kvitteringer.csv")
    assert receipt[3:6] == ["Hentet", "vedtak.pdf", f"{OLA[:6]} *****"]


def test_a_tenant_that_has_shared_nothing_gets_an_export_too(web: Web, ewa: Browser) -> None:
    archive = exported(web, ewa)
    assert json.loads(archive.read("delinger.json")) == []
    assert len(lines(archive, "delinger.csv")) == len(lines(archive, "kvitteringer.csv")) == 1


def test_the_export_holds_agreements_and_the_assessments_files(web: Web, ewa: Browser) -> None:
    sign_agreements(web.stage.deps, web.stage.tenant.id)
    names = exported(web, ewa).namelist()
    assert "avtaler-og-dpia/01-hovedavtale-1.0.pdf" in names
    assert "avtaler-og-dpia/02-tjenesteavtale-1.0.pdf" in names


def test_the_export_holds_the_whole_event_log_and_that_it_was_exported(web: Web, ewa: Browser) -> None:
    web.stage.publish()
    log = exported(web, ewa).read("hendelseslogg.jsonl").splitlines(keepends=True)
    verdict = verify_export(log, certificates=(), is_signed=verify_signature)
    assert (verdict.is_whole, verdict.fault) == (True, None)
    records = [json.loads(line) for line in log]
    assert (records[0]["type"], records[0]["whole"], records[-1]["type"]) == ("export", True, "end")
    kinds = [line["kind"] for line in records if line["type"] == "event"]
    assert "share_published" in kinds
    assert kinds[-2:] == ["tenant_exported", "event_log_exported"]


def test_an_export_is_written_down_and_can_be_had_after_the_end_too(web: Web, ewa: Browser) -> None:
    share_id = web.stage.publish(title="Vedtak")
    end(web, ewa)
    run_all(web.stage.deps)
    [share] = json.loads(exported(web, ewa).read("delinger.json"))
    assert (share["id"], share["title"], share["state"]) == (share_id, "Vedtak", "withdrawn")
    assert [(who, e.kind) for who, e in web.stage.trail()].count((EWA, EventKind.TENANT_EXPORTED)) == 1


def test_an_export_is_not_had_by_following_a_link(web: Web, ewa: Browser) -> None:
    assert ewa.get(path(web, "eksport")).status_code == 405
    assert ewa.request("POST", path(web, "eksport")).status_code == 403
