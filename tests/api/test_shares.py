"""A fagsystem fills in, publishes, finds, prolongs and withdraws shares; what is not its own does not exist for it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from deldokument.domain.shares.share import MAX_RECIPIENTS
from deldokument.domain.tenants.tenancy import AccountRules, IntegrationRights
from deldokument.services.accounts.integrations import confirm_archive, remove_integration
from deldokument.services.accounts.lifecycle import show_account
from deldokument.services.shares.approvals import proposals
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.scans import held_documents
from deldokument.services.uploads import append as uploads_append
from deldokument.web.api.cursors import write_cursor
from tests.support.stage.accounts import set_rules
from tests.support.stage.api import FJELL, SUPPLIER, System, Systems, integrate, token_of
from tests.support.stage.changes import approve_change
from tests.support.stage.inspection import inspect_documents
from tests.support.stage.numbers import synthetic_numbers
from tests.support.stage.stage import BANKRUPT, KARI, NOON, ODD, OLA, SIV, Stage, person

UNTIL = "2026-12-04T12:00:00Z"
PERSON = {"number": OLA}


@pytest.fixture
def stage(cast: Systems) -> Stage:
    return cast.web.stage


@pytest.fixture
def draft(cast: Systems) -> dict[str, Any]:
    """A draft with everything but documents."""
    return begun(cast.sharer, cast.web.stage)


def begun(system: System, stage: Stage, **changes: Any) -> dict[str, Any]:
    body = {
        "account_id": stage.byggesak.id,
        "title": "Vedtak",
        "archived": True,
        "expires_at": UNTIL,
        "recipients": [PERSON],
    }
    answer = system.post("/shares", body | changes)
    assert answer.status_code == 201, answer.text
    shared: dict[str, Any] = answer.json()
    return shared


def uploaded(cast: Systems, share_id: str, content: bytes = b"innhold") -> dict[str, Any]:
    """A whole document."""
    answer = cast.sharer.post(f"/shares/{share_id}/documents", {"name": "vedtak.pdf", "length": len(content)})
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    headers = {
        "Authorization": f"Bearer {created['upload']['token']}",
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": str(created["upload"]["offset"]),
        "Content-Type": "application/offset+octet-stream",
    }
    put = cast.sharer.browser.request("PATCH", created["upload"]["url"], content=content, headers=headers)
    assert put.status_code == 204, put.text
    inspect_documents(cast.web.stage.deps)
    return created


def published(cast: Systems) -> str:
    share_id = str(begun(cast.sharer, cast.web.stage)["id"])
    uploaded(cast, share_id)
    assert cast.sharer.post(f"/shares/{share_id}/publication").status_code == 200
    return share_id


def faults(answer: Any) -> dict[str, str]:
    return {fault["field"]: fault["code"] for fault in answer.json()["errors"]}


def test_a_share_is_returned_with_the_fields_that_it_was_created_with(cast: Systems, stage: Stage) -> None:
    body = {
        "account_id": stage.byggesak.id,
        "title": "Vedtak",
        "message": "Hei.\nSe vedlegg.",
        "reference": "26/1042",
        "confidential": False,
        "archived": True,
        "expires_at": "2026-12-04T13:00:00+01:00",
        "recipients": [{"number": OLA, "label": "søker"}, {"number": FJELL}],
    }
    answer = cast.sharer.post("/shares", body)
    share = answer.json()
    assert answer.headers["location"] == f"/api/v1/shares/{share['id']}"
    assert share == cast.sharer.get(f"/shares/{share['id']}").json()
    recipients, share["recipients"] = share["recipients"], []
    assert share == {
        "id": share["id"],
        "account_id": stage.byggesak.id,
        "state": "draft",
        "proposed": False,
        "title": "Vedtak",
        "message": "Hei.\nSe vedlegg.",
        "reference": "26/1042",
        "confidential": False,
        "archived": True,
        "notify": False,
        "created_at": "2026-11-24T12:00:00Z",
        "published_at": None,
        "expires_at": UNTIL,
        "proposed_expires_at": None,
        "change_proposed": False,
        "return_reason": None,
        "removed_recipients": [],
        "removed_documents": [],
        "pending_documents": [],
        "closed_at": None,
        "link": f"https://del.example/d/{share['id']}",
        "recipients": [],
        "documents": [],
    }
    assert [{name: value for name, value in one.items() if name != "id"} for one in recipients] == [
        {
            "kind": "person",
            "display": "218794 *****",
            "name": "",
            "label": "søker",
            "confirmed": True,
            "removed_at": None,
            "asking_since": None,
        },
        {
            "kind": "organization",
            "display": "312 824 450",
            "name": "FJELL AS",
            "label": "",
            "confirmed": True,
            "removed_at": None,
            "asking_since": None,
        },
    ]


def test_omitted_fields_get_the_accounts_defaults(cast: Systems, stage: Stage) -> None:
    stage.change_account(stage.byggesak, rules=AccountRules(confidential=False))
    for absent in ({}, {"confidential": None, "title": None, "recipients": None}):
        answer = cast.sharer.post("/shares", {"account_id": stage.byggesak.id, **absent})
        share = answer.json()
        fields = [share[name] for name in ("confidential", "title", "expires_at", "recipients")]
        assert fields == [False, "", None, []]


def test_all_faults_of_a_new_share_are_reported_at_once_and_nothing_is_created(cast: Systems, stage: Stage) -> None:
    body = {
        "account_id": stage.byggesak.id,
        "expires_at": "2026-11-24T11:00:00Z",
        "recipients": [PERSON, {"number": OLA[:-1]}, {"number": BANKRUPT}, {"number": OLA[:-1] + "1"}],
    }
    answer = cast.sharer.post("/shares", body)
    assert answer.status_code == 422
    assert faults(answer) == {
        "expires_at": "expiry_in_the_past",
        "recipients[1].number": "recipient_number_length",
        "recipients[2].number": "organization_bankrupt",
        "recipients[3].number": "person_number_unknown",
    }
    assert OLA[:-1] not in answer.text
    assert cast.sharer.get("/shares").json()["items"] == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"account_id": None}, {"account_id": "field_malformed"}),
        ({"unknown": 1}, {"unknown": "field_unknown"}),
        ({"title": 7}, {"title": "field_malformed"}),
        ({"title": "x" * 201}, {"title": "text_too_long"}),
        ({"title": "a\u0000b"}, {"title": "text_control_characters"}),
        ({"title": "\ud800"}, {"title": "field_malformed"}),
        ({"archived": "true"}, {"archived": "field_malformed"}),
        ({"archived": 1}, {"archived": "field_malformed"}),
        ({"expires_at": "2026-12-04"}, {"expires_at": "field_malformed"}),
        ({"expires_at": "2026-12-04T12:00:00"}, {"expires_at": "field_malformed"}),
        ({"expires_at": 1796385600}, {"expires_at": "field_malformed"}),
        ({"expires_at": "2026-02-30T12:00:00Z"}, {"expires_at": "field_malformed"}),
        ({"expires_at": "0001-01-01T00:00:00+23:00"}, {"expires_at": "field_malformed"}),
        ({"expires_at": "9999-12-31T23:59:59-23:00"}, {"expires_at": "field_malformed"}),
        ({"expires_at": "9999-12-31T23:59:59Z"}, {"expires_at": "period_too_long"}),
        ({"recipients": [{"number": 21879498012}]}, {"recipients[0].number": "field_malformed"}),
        ({"recipients": [{"label": "x"}]}, {"recipients[0].number": "field_missing"}),
        ({"recipients": [{"number": OLA, "label": "x" * 101}]}, {"recipients[0].label": "text_too_long"}),
        ({"recipients": [PERSON] * (MAX_RECIPIENTS + 1)}, {"recipients": "too_many_recipients"}),
    ],
    ids=lambda case: str(case)[:40].encode("unicode_escape").decode(),
)
def test_each_rule_of_a_body_names_its_field(
    cast: Systems, stage: Stage, changes: dict[str, Any], fault: dict[str, str]
) -> None:
    content = json.dumps({"account_id": stage.byggesak.id} | changes).encode()
    answer = cast.sharer.call("POST", "/shares", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert faults(answer) == fault


@pytest.mark.parametrize("instant", ["2026-12-04t12:00:00z", "2026-12-04T12:00:00.123456789Z", "2026-12-04 12:00:00Z"])
def test_an_instant_may_be_written_in_each_form_of_rfc_3339(cast: Systems, stage: Stage, instant: str) -> None:
    assert begun(cast.sharer, stage, expires_at=instant)["expires_at"].startswith("2026-12-04T12:00:00")


def test_a_draft_is_changed_in_part(cast: Systems, draft: dict[str, Any], stage: Stage) -> None:
    path = f"/shares/{draft['id']}"
    changed = cast.sharer.call("PATCH", path, {"title": "Nytt vedtak", "confidential": False, "message": None})
    assert changed.status_code == 200
    assert changed.json() == draft | {"title": "Nytt vedtak", "confidential": False}
    moved = cast.sharer.call("PATCH", path, {"account_id": stage.avtaler.id, "expires_at": "2026-12-05T12:00:00Z"})
    assert (moved.json()["account_id"], moved.json()["expires_at"]) == (stage.avtaler.id, "2026-12-05T12:00:00Z")
    assert cast.sharer.call("PATCH", path, {"account_id": stage.barnevern.id}).status_code == 404
    assert cast.sharer.call("PATCH", path, {"state": "available"}).status_code == 422
    assert cast.sharer.call("PATCH", path, {}).status_code == 200


def test_recipients_are_added_all_or_none_and_one_at_a_time_removed(cast: Systems, draft: dict[str, Any]) -> None:
    path = f"/shares/{draft['id']}/recipients"
    refused = cast.sharer.post(path, {"recipients": [{"number": SIV}, {"number": "1"}]})
    assert faults(refused) == {"recipients[1].number": "recipient_number_length"}
    assert cast.sharer.get(f"/shares/{draft['id']}").json() == draft
    more = cast.sharer.post(path, {"recipients": [{"number": SIV, "label": "part"}, PERSON]}).json()["recipients"]
    assert [one["label"] for one in more] == ["", "part"]
    removed = cast.sharer.call("DELETE", f"{path}/{more[0]['id']}")
    assert (removed.status_code, removed.content) == (204, b"")
    assert cast.sharer.get(f"/shares/{draft['id']}").json()["recipients"] == more[1:]
    assert cast.sharer.call("DELETE", f"{path}/{more[0]['id']}").status_code == 404
    assert faults(cast.sharer.post(path, {"recipients": []})) == {"recipients": "field_malformed"}


def test_five_hundred_recipients_come_at_once(cast: Systems, stage: Stage) -> None:
    numbers = [{"number": number} for number in synthetic_numbers(MAX_RECIPIENTS)]
    assert len(begun(cast.sharer, stage, recipients=numbers)["recipients"]) == MAX_RECIPIENTS


def test_while_the_register_is_unavailable_a_confirmed_organisation_is_accepted(cast: Systems, stage: Stage) -> None:
    stage.register.down = True
    recipients = [{"number": FJELL}, {"number": "314758625", "confirmed": True}]
    share = begun(cast.sharer, stage, recipients=recipients)
    assert [one["confirmed"] for one in share["recipients"]] == [False, True]
    uploaded(cast, share["id"])
    assert faults(cast.sharer.post(f"/shares/{share['id']}/publication")) == {"recipients": "recipients_unconfirmed"}


def test_a_published_share_is_corrected_and_loses_a_recipient(cast: Systems, draft: dict[str, Any]) -> None:
    path = f"/shares/{draft['id']}"
    uploaded(cast, draft["id"])
    ola = cast.sharer.post(f"{path}/publication").json()["recipients"][0]
    added = cast.sharer.post(f"{path}/recipients", {"recipients": [{"number": SIV}]}).json()
    assert (len(added["recipients"]), added["change_proposed"]) == (2, False)
    changed = cast.sharer.call("PATCH", path, {"title": "Rettet", "reference": "26/2", "confidential": False}).json()
    assert (changed["title"], changed["reference"], changed["confidential"]) == ("Rettet", "26/2", False)
    refused = cast.sharer.call("PATCH", path, {"title": "Igjen", "notify": False})
    assert (refused.status_code, refused.json()["code"]) == (409, "not_a_draft")
    labelled = cast.sharer.call("PATCH", f"{path}/recipients/{ola['id']}", {"label": "søker"}).json()
    assert [one["label"] for one in labelled["recipients"]] == ["søker", ""]
    assert cast.sharer.call("DELETE", f"{path}/recipients/{ola['id']}").status_code == 204
    left = cast.sharer.get(path).json()
    assert [one["id"] for one in left["removed_recipients"]] == [ola["id"]]
    [siv] = left["recipients"]
    last = cast.sharer.call("DELETE", f"{path}/recipients/{siv['id']}")
    assert (last.status_code, last.json()["code"]) == (409, "last_recipient")


def test_a_published_share_loses_a_document(cast: Systems, draft: dict[str, Any]) -> None:
    path = f"/shares/{draft['id']}"
    first, second = (uploaded(cast, draft["id"])["document"]["id"] for _ in range(2))
    cast.sharer.post(f"{path}/publication")
    assert cast.sharer.call("DELETE", f"{path}/documents/{first}").status_code == 204
    left = cast.sharer.get(path).json()
    assert [one["id"] for one in left["documents"]] == [second]
    [removed] = left["removed_documents"]
    assert (removed["id"], removed["removed_at"]) == (first, "2026-11-24T12:00:00Z")
    last = cast.sharer.call("DELETE", f"{path}/documents/{second}")
    assert (last.status_code, last.json()["code"]) == (409, "last_document")


def test_documents_are_added_to_a_published_share_when_they_are_scanned(cast: Systems, draft: dict[str, Any]) -> None:
    path = f"/shares/{draft['id']}"
    uploaded(cast, draft["id"])
    cast.sharer.post(f"{path}/publication")
    announced = cast.sharer.post(f"{path}/documents", {"name": "vedlegg.pdf", "length": 7}).json()["document"]
    assert (announced["handling"], announced["complete"]) == ("waiting", False)
    wanted = {"documents": [announced["id"]]}
    assert faults(cast.sharer.post(f"{path}/additions", wanted)) == {"documents": "files_unfinished"}
    assert cast.sharer.call("DELETE", f"{path}/documents/{announced['id']}").status_code == 204
    assert cast.sharer.get(path).json()["pending_documents"] == []
    pending = uploaded(cast, draft["id"])["document"]["id"]
    beside = cast.sharer.get(path).json()
    assert (len(beside["documents"]), [one["id"] for one in beside["pending_documents"]]) == (1, [pending])
    assert cast.sharer.get(f"{path}/documents/{pending}").json()["inspected"]
    added = [cast.sharer.post(f"{path}/additions", {"documents": [pending]}).json() for _ in range(2)]
    assert [(len(one["documents"]), one["pending_documents"], one["change_proposed"]) for one in added] == [
        (2, [], False),
        (2, [], False),
    ]
    other = cast.sharer.post(f"{path}/additions", {"documents": ["0" * 32]})
    assert other.status_code == 404


def test_a_discarded_draft_is_abandoned(cast: Systems, draft: dict[str, Any]) -> None:
    path = f"/shares/{draft['id']}"
    assert cast.sharer.call("DELETE", path).status_code == 204
    assert cast.sharer.get(path).json()["state"] == "abandoned"
    again = cast.sharer.call("DELETE", path)
    assert (again.status_code, again.json()["code"]) == (409, "not_a_draft")


def test_a_document_is_announced_uploaded_and_shown(cast: Systems, draft: dict[str, Any]) -> None:
    sent = {"name": "vedtak.pdf", "length": 7, "modified_at": "2026-11-20T10:00:00.5Z"}
    answer = cast.sharer.post(f"/shares/{draft['id']}/documents", sent)
    assert answer.status_code == 201
    upload = answer.json()["upload"]
    assert upload["url"].startswith("https://del.example/uploads/")
    assert (upload["creation_url"], upload["offset"]) == ("https://del.example/uploads", 0)
    assert upload["expires_at"] > "2026-11-24T12:00:00Z"
    document = answer.json()["document"]
    assert document == {
        "id": document["id"],
        "name": "vedtak.pdf",
        "length": 7,
        "modified_at": "2026-11-20T10:00:00.500000Z",
        "offset": 0,
        "complete": False,
        "inspected": False,
        "verdict": None,
        "handling": "waiting",
        "removed_at": None,
    }


def test_an_unfinished_document_resumes_with_a_new_token(cast: Systems, draft: dict[str, Any]) -> None:
    path, sent = f"/shares/{draft['id']}/documents", {"name": "vedtak.pdf", "length": 7}
    first = cast.sharer.post(path, sent).json()
    deps, token = cast.web.stage.deps, first["upload"]["token"]
    upload_id = first["upload"]["url"].rpartition("/")[2]
    append = uploads_append.begin_append(deps, token, upload_id, offset=0, announced=3)
    append.write([b"inn"])
    append.finish()
    again = cast.sharer.post(path, sent).json()
    assert (again["document"]["id"], again["upload"]["url"]) == (first["document"]["id"], first["upload"]["url"])
    assert (again["upload"]["offset"], again["document"]["offset"]) == (3, 3)
    assert again["upload"]["token"] != token


def test_an_empty_document_is_complete_at_once(cast: Systems, draft: dict[str, Any]) -> None:
    answer = cast.sharer.post(f"/shares/{draft['id']}/documents", {"name": "tom.txt", "length": 0})
    assert answer.json()["document"]["complete"]


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        ({"name": "a", "length": -1}, 422, "length_negative"),
        ({"name": "a", "length": 5 * 1024**3 + 1}, 413, "document_too_large"),
        ({"name": "a", "length": 10**40}, 413, "document_too_large"),
        ({"name": "a", "length": 1.5}, 422, "invalid_fields"),
        ({"name": "a", "length": True}, 422, "invalid_fields"),
        ({"name": "..", "length": 1}, 422, "file_name_missing"),
        ({"name": "x" * 256, "length": 1}, 422, "file_name_too_long"),
        ({"name": "a", "length": 1, "modified_at": "yesterday"}, 422, "invalid_fields"),
        ({"length": 1}, 422, "invalid_fields"),
    ],
    ids=lambda case: str(case)[:40],
)
def test_an_invalid_document_is_refused_before_the_first_byte(
    cast: Systems, draft: dict[str, Any], sent: dict[str, Any], status: int, code: str
) -> None:
    answer = cast.sharer.post(f"/shares/{draft['id']}/documents", sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert cast.sharer.get(f"/shares/{draft['id']}").json()["documents"] == []


def test_a_document_of_any_year_is_taken(cast: Systems, draft: dict[str, Any]) -> None:
    for instant in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        sent = {"name": "gammel.txt", "length": 1, "modified_at": instant}
        document = cast.sharer.post(f"/shares/{draft['id']}/documents", sent).json()
        assert document["document"]["modified_at"] == instant


def test_a_document_is_taken_out_again(cast: Systems, draft: dict[str, Any]) -> None:
    document = uploaded(cast, draft["id"])
    path = f"/shares/{draft['id']}/documents/{document['document']['id']}"
    assert cast.sharer.call("DELETE", path).status_code == 204
    assert cast.sharer.call("DELETE", path).status_code == 404
    assert cast.sharer.get(f"/shares/{draft['id']}").json()["documents"] == []


def test_everything_that_publishing_lacks_is_reported_at_once(cast: Systems, stage: Stage) -> None:
    share = cast.sharer.post("/shares", {"account_id": stage.byggesak.id}).json()
    assert faults(cast.sharer.post(f"/shares/{share['id']}/publication")) == {
        "documents": "files_missing",
        "recipients": "recipients_missing",
        "expires_at": "expiry_missing",
        "archived": "archived_missing",
    }


def test_a_system_with_confirmed_archiving_need_not_state_it(cast: Systems, stage: Stage) -> None:
    place = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    for integration in show_account(stage.deps, **place).integrations:
        confirm_archive(stage.deps, **place, integration_id=integration.id, confirmed=True)
    [account] = [one for one in cast.sharer.get("/accounts").json()["items"] if one["id"] == stage.byggesak.id]
    assert account["archive_question"] is False
    assert begun(cast.sharer, stage, archived=None)["archived"] is True
    assert begun(cast.sharer, stage, archived=False)["archived"] is False


def test_a_published_share_is_open_to_its_recipient_and_the_system_reads_the_receipts(
    cast: Systems, stage: Stage
) -> None:
    share_id = published(cast)
    share = cast.sharer.get(f"/shares/{share_id}").json()
    assert (share["state"], share["published_at"]) == ("available", "2026-11-24T12:00:00Z")
    assert [document["inspected"] for document in share["documents"]] == [True]
    browser = cast.web.browser(OLA)
    assert browser.get(f"/d/{share_id}").status_code == 200
    stage.clock.advance(minutes=5)
    [document_id] = stage.document_ids(share_id)
    assert browser.get(f"/d/{share_id}/dokument/{document_id}").content == b"innhold"
    opened, downloaded = cast.sharer.get(f"/shares/{share_id}/receipts").json()["items"]
    assert opened | {"recipient_id": ""} == {
        "recipient_id": "",
        "recipient": "218794 *****",
        "document_id": None,
        "document_name": None,
        "event": "opened",
        "person": "218794 *****",
        "first_at": "2026-11-24T12:00:00Z",
        "last_at": "2026-11-24T12:00:00Z",
        "complete": False,
        "state": None,
        "direct": False,
        "confirmed_at": None,
    }
    assert (downloaded["document_name"], downloaded["complete"]) == ("vedtak.pdf", True)
    assert (downloaded["state"], downloaded["direct"]) == ("sent", False)
    assert opened["recipient_id"] == downloaded["recipient_id"] == share["recipients"][0]["id"]


def test_every_document_shows_that_it_was_not_scanned_until_its_share_is_over(cast: Systems) -> None:
    share_id = published(cast)

    def verdicts() -> list[str | None]:
        return [document["verdict"] for document in cast.sharer.get(f"/shares/{share_id}").json()["documents"]]

    assert verdicts() == ["not_scanned"]
    [listed] = cast.sharer.get("/shares").json()["items"]
    assert [document["verdict"] for document in listed["documents"]] == ["not_scanned"]
    cast.sharer.post(f"/shares/{share_id}/withdrawal")
    assert verdicts() == [None]


def test_a_document_states_its_handling_for_recipients(cast: Systems, stage: Stage) -> None:
    share_id = published(cast)
    [document_id] = stage.document_ids(share_id)

    def handling() -> str | None:
        alone = cast.sharer.get(f"/shares/{share_id}/documents/{document_id}").json()
        assert [alone] == cast.sharer.get(f"/shares/{share_id}").json()["documents"]
        value: str | None = alone["handling"]
        return value

    assert handling() == "released"
    stage.change_tenant(scan_policy="not_scanned=held")
    assert handling() == "held"
    held_documents.release_document(stage.deps, person(KARI), share_id, document_id)
    assert handling() == "warned"
    stage.change_tenant(scan_policy="")
    assert handling() == "released"
    cast.sharer.post(f"/shares/{share_id}/withdrawal")
    assert handling() is None
    others = published(cast)
    assert cast.sharer.get(f"/shares/{others}/documents/{document_id}").status_code == 404


def test_receipts_come_in_pages(cast: Systems, stage: Stage) -> None:
    share_id = published(cast)
    browser = cast.web.browser(OLA)
    browser.get(f"/d/{share_id}")
    [document_id] = stage.document_ids(share_id)
    browser.get(f"/d/{share_id}/dokument/{document_id}")
    path, seen = f"/shares/{share_id}/receipts", []
    page = cast.sharer.get(path, params={"limit": 1}).json()
    while page["next"]:
        seen += page["items"]
        page = cast.sharer.get(path, params={"limit": 1, "cursor": page["next"]}).json()
    assert seen + page["items"] == cast.sharer.get(path).json()["items"]
    assert len(seen) == 1


def test_the_events_of_a_share_come_in_pages_with_the_system_that_acted(cast: Systems) -> None:
    share_id = published(cast)
    cast.web.browser(OLA).get(f"/d/{share_id}")
    path = f"/shares/{share_id}/events"
    whole = cast.sharer.get(path).json()["items"]
    [shared] = [one for one in whole if one["event"] == "share_published"]
    assert shared == {
        "at": "2026-11-24T12:00:00Z",
        "event": "share_published",
        "person": None,
        "system": "FJELL AS",
        "document_id": None,
        "expires_at": None,
    }
    assert (whole[-1]["event"], whole[-1]["person"], whole[-1]["system"]) == ("share_opened", "218794 *****", None)
    seen, cursor = [], ""
    while cursor is not None:
        page = cast.sharer.get(path, params={"limit": 2, "cursor": cursor}).json()
        seen, cursor = seen + page["items"], page["next"]
    assert seen == whole
    malformed = write_cursor((datetime(2026, 11, 24, tzinfo=UTC), "x"))
    assert cast.sharer.get(path, params={"cursor": malformed}).json()["code"] == "cursor_malformed"


def test_publishing_twice_gives_the_same_response(cast: Systems) -> None:
    share_id = published(cast)
    again = cast.sharer.post(f"/shares/{share_id}/publication")
    assert (again.status_code, again.json()["state"]) == (200, "available")


def test_where_four_eyes_are_wanted_a_member_approves_what_the_system_proposed(cast: Systems, stage: Stage) -> None:
    stage.change_account(stage.byggesak, rules=AccountRules(four_eyes=True))
    share_id = published(cast)
    share = cast.sharer.get(f"/shares/{share_id}").json()
    assert (share["state"], share["proposed"]) == ("draft", True)
    with stage.deps.database.read() as tx:
        proposed = tx.shares.get(share_id)
    assert proposed is not None
    publishing.approve_share(stage.deps, person(KARI), share_id, seen=proposed.changed_at.isoformat())
    assert cast.sharer.get(f"/shares/{share_id}").json()["state"] == "available"


def test_an_end_can_be_moved_within_the_accounts_period(cast: Systems) -> None:
    path = f"/shares/{published(cast)}/expiry"
    moved = cast.sharer.call("PUT", path, {"expires_at": "2026-12-24T11:00:00Z"})
    assert (moved.status_code, moved.json()["expires_at"]) == (200, "2026-12-24T11:00:00Z")
    assert faults(cast.sharer.call("PUT", path, {"expires_at": "2036-12-24T11:00:00Z"})) == {
        "expires_at": "period_too_long"
    }
    assert faults(cast.sharer.call("PUT", path, {})) == {"expires_at": "field_missing"}


def test_where_four_eyes_are_wanted_a_member_approves_a_later_end_that_the_system_asks_for(
    cast: Systems, stage: Stage
) -> None:
    share_id = published(cast)
    present = cast.sharer.get(f"/shares/{share_id}").json()["expires_at"]
    stage.change_account(stage.byggesak, rules=AccountRules(four_eyes=True))
    asked = cast.sharer.call("PUT", f"/shares/{share_id}/expiry", {"expires_at": "2026-12-24T11:00:00Z"})
    assert asked.status_code == 200
    assert (asked.json()["expires_at"], asked.json()["proposed_expires_at"]) == (present, "2026-12-24T11:00:00Z")
    assert not asked.json()["change_proposed"]
    approve_change(stage.deps, person(KARI), share_id)
    moved = cast.sharer.get(f"/shares/{share_id}").json()
    assert (moved["expires_at"], moved["proposed_expires_at"]) == ("2026-12-24T11:00:00Z", None)


def test_a_system_reads_why_its_proposal_was_sent_back_and_no_event_carries_it(cast: Systems, stage: Stage) -> None:
    stage.change_account(stage.byggesak, rules=AccountRules(four_eyes=True))
    share_id = published(cast)
    ours = f"/shares/{share_id}"
    assert cast.sharer.get(ours).json()["return_reason"] is None
    page = cast.web.browser(KARI).get(f"/delinger/{share_id}/godkjenning").text
    assert "Systemet til FJELL AS kan også lese begrunnelsen." in page
    proposals.return_proposal(stage.deps, person(KARI), share_id, "Ola har flyttet.")
    share = cast.sharer.get(ours).json()
    assert (share["proposed"], share["return_reason"]) == (False, "Ola har flyttet.")
    assert "flyttet" not in cast.sharer.get(f"{ours}/events").text
    assert cast.sharer.post(f"{ours}/publication").json()["return_reason"] is None
    proposals.return_proposal(stage.deps, person(KARI), share_id)
    assert cast.sharer.get(ours).json()["return_reason"] is None


def test_a_system_reads_no_reason_that_a_member_gave_another_member(cast: Systems, stage: Stage) -> None:
    share_id = stage.publish(OLA)
    set_rules(stage, stage.byggesak, four_eyes=True)
    stage.add(ODD, "Odd Bakken", stage.byggesak)
    changes.change_share(stage.deps, person(KARI), share_id, Change(texts={"title": "Nytt"}))
    proposals.return_proposal(stage.deps, person(ODD), share_id, "Ola har flyttet.")
    assert queries.view_share(stage.deps, person(KARI), share_id).return_note is not None
    assert cast.sharer.get(f"/shares/{share_id}").json()["return_reason"] is None


def test_a_system_sees_who_asks_for_more_time_and_refuses_with_a_reason(cast: Systems, stage: Stage) -> None:
    share_id = published(cast)
    stage.clock.advance(days=5)
    ola = cast.web.browser(OLA)
    ola.post(f"/d/{share_id}/foresporsel", {})
    [asking] = [one for one in cast.sharer.get(f"/shares/{share_id}").json()["recipients"] if one["asking_since"]]
    assert asking["asking_since"] == "2026-11-29T12:00:00Z"
    refused = cast.sharer.post(f"/shares/{share_id}/refusal", {"reason": "Fristen er lovbestemt."})
    assert {one["asking_since"] for one in refused.json()["recipients"]} == {None}
    assert "Fristen er lovbestemt." in ola.get(f"/d/{share_id}").text


def test_a_withdrawn_share_is_gone_for_its_recipient_and_withdrawing_again_says_the_same(cast: Systems) -> None:
    share_id = published(cast)
    path = f"/shares/{share_id}/withdrawal"
    first, second = cast.sharer.post(path), cast.sharer.post(path)
    assert first.json() == second.json()
    assert (first.json()["state"], first.json()["closed_at"]) == ("withdrawn", "2026-11-24T12:00:00Z")
    assert cast.web.browser(OLA).get(f"/d/{share_id}").status_code == 410


def test_a_share_that_is_over_stays_over(cast: Systems, stage: Stage, draft: dict[str, Any]) -> None:
    share_id = published(cast)
    assert cast.sharer.post(f"/shares/{draft['id']}/withdrawal").json()["code"] == "share_over"
    stage.clock.advance(days=11)
    assert cast.sharer.get(f"/shares/{share_id}").json()["state"] == "ended"
    for method, path, body in (
        ("POST", "withdrawal", None),
        ("PUT", "expiry", {"expires_at": "2026-12-24T11:00:00Z"}),
        ("POST", "recipients", {"recipients": [PERSON]}),
        ("POST", "documents", {"name": "a", "length": 1}),
    ):
        assert cast.sharer.call(method, f"/shares/{share_id}/{path}", body).status_code == 409
    assert cast.sharer.call("PATCH", f"/shares/{share_id}", {"title": "x"}).status_code == 409


def test_shares_are_listed_newest_first_page_by_page(cast: Systems, stage: Stage) -> None:
    share_ids = []
    for _ in range(5):
        share_ids.append(begun(cast.sharer, stage)["id"])
        stage.clock.advance(seconds=1)
    seen: list[str] = []
    cursor: str | None = ""
    for _ in range(3):
        page = cast.sharer.get("/shares", params={"limit": 2, "cursor": cursor}).json()
        seen += [share["id"] for share in page["items"]]
        cursor = page["next"]
    assert cursor is None
    assert seen == share_ids[::-1]


def test_following_pages_keep_the_filter_of_the_first(cast: Systems, stage: Stage) -> None:
    wanted = []
    for _ in range(3):
        wanted.append(begun(cast.sharer, stage, reference="26/1042")["id"])
        begun(cast.sharer, stage, account_id=stage.avtaler.id, reference="26/1042")
        begun(cast.sharer, stage)
        stage.clock.advance(seconds=1)
    asked = {"account_id": stage.byggesak.id, "reference": "26/1042", "limit": 1}
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = cast.sharer.get("/shares", params=asked | {"cursor": cursor}).json()
        seen += [share["id"] for share in page["items"]]
        cursor = page["next"]
    assert seen == wanted[::-1]


def test_shares_are_found_by_account_state_as_it_is_now_and_reference(cast: Systems, stage: Stage) -> None:
    open_id = published(cast)
    draft_id = begun(cast.sharer, stage, reference="26/ 1042")["id"]
    other_id = begun(cast.sharer, stage, account_id=stage.avtaler.id)["id"]

    def found(**wanted: str) -> set[str]:
        return {share["id"] for share in cast.sharer.get("/shares", params=wanted).json()["items"]}

    assert found() == {open_id, draft_id, other_id}
    assert found(account_id=stage.avtaler.id) == {other_id}
    assert found(account_id=stage.barnevern.id) == found(account_id="unknown") == set()
    assert found(state="available") == {open_id}
    assert found(reference="26/1042") == {draft_id}
    assert found(reference="26/1043") == set()
    assert found(account_id=stage.byggesak.id, state="draft") == {draft_id}
    assert (
        found(account_id=stage.avtaler.id, reference="26/1042")
        == found(state="available", reference="26/1042")
        == set()
    )
    stage.clock.advance(days=11)
    assert found(state="available") == set()
    assert found(state="ended") == {open_id}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "field_malformed"),
        ("limit=101", "field_malformed"),
        ("limit=many", "field_malformed"),
        ("state=open", "field_malformed"),
        ("cursor=x", "cursor_malformed"),
        ("cursor=W10", "cursor_malformed"),
        ("cursor=bnVsbA", "cursor_malformed"),
        ("cursor=WyIyMDI2LTExLTI0VDEyOjAwOjAwIiwiYSJd", "cursor_malformed"),
        ("cursor=WyIyMDI2LTExLTI0VDEyOjAwOjAwKzAwOjAwIiwxXQ", "cursor_malformed"),
        ("cursor=WyIyMDI2LTExLTI0VDEyOjAwOjAwKzAwOjAwIiwiXHUwMDAwIl0", "cursor_malformed"),
        ("cursor=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzEwOjAwIiwgImEiXQ", "cursor_malformed"),
        ("cursor=" + "x" * 501, "text_too_long"),
        ("reference=" + "x" * 101, "text_too_long"),
    ],
)
def test_a_list_refuses_unknown_filter_values(cast: Systems, query: str, code: str) -> None:
    answer = cast.sharer.get(f"/shares?{query}")
    assert answer.status_code == 422
    assert list(faults(answer).values()) == [code]


def calls(share_id: str, document_id: str, recipient_id: str) -> list[tuple[str, str, Any]]:
    """Every call about one share."""
    share = f"/shares/{share_id}"
    return [
        ("GET", share, None),
        ("PATCH", share, {"title": "x"}),
        ("DELETE", share, None),
        ("POST", f"{share}/recipients", {"recipients": [{"number": SIV}]}),
        ("DELETE", f"{share}/recipients/{recipient_id}", None),
        ("POST", f"{share}/documents", {"name": "a", "length": 1}),
        ("GET", f"{share}/documents/{document_id}", None),
        ("DELETE", f"{share}/documents/{document_id}", None),
        ("POST", f"{share}/publication", None),
        ("PUT", f"{share}/expiry", {"expires_at": UNTIL}),
        ("POST", f"{share}/withdrawal", None),
        ("GET", f"{share}/receipts", None),
        ("GET", f"{share}/events", None),
    ]


def test_a_share_of_others_does_not_exist_on_any_route(cast: Systems, draft: dict[str, Any]) -> None:
    document = uploaded(cast, draft["id"])
    ids = (document["document"]["id"], draft["recipients"][0]["id"])
    for stranger in (cast.neighbour, cast.stranger):
        for method, path, body in calls(draft["id"], *ids):
            answer = stranger.call(method, path, body)
            unknown = stranger.call(method, path.replace(draft["id"], "A" * 22), body)
            assert answer.status_code == unknown.status_code == 404, (method, path)
            assert answer.json() == unknown.json()
        assert stranger.get("/shares").json() == {"items": [], "next": None}


def test_a_client_that_may_only_read_changes_nothing_and_gets_the_reason(cast: Systems, draft: dict[str, Any]) -> None:
    document = uploaded(cast, draft["id"])
    before = cast.sharer.get(f"/shares/{draft['id']}").json()
    for method, path, body in calls(draft["id"], document["document"]["id"], draft["recipients"][0]["id"]):
        answer = cast.reader.call(method, path, body)
        expected = (200, None) if method == "GET" else (403, "integration_reads_only")
        assert (answer.status_code, answer.json().get("code")) == expected, (method, path)
    assert cast.reader.get(f"/shares/{draft['id']}").json() == before
    new = cast.reader.post("/shares", {"account_id": before["account_id"]})
    assert (new.status_code, new.json()["code"]) == (403, "integration_reads_only")


def test_another_tenants_account_accepts_no_share(cast: Systems, stage: Stage) -> None:
    for account in (stage.barnevern.id, "unknown", ""):
        assert cast.sharer.post("/shares", {"account_id": account}).status_code == 404


def test_removed_rights_end_a_systems_access_at_its_next_request(
    cast: Systems, stage: Stage, draft: dict[str, Any]
) -> None:
    document = cast.sharer.post(f"/shares/{draft['id']}/documents", {"name": "a", "length": 7}).json()
    with stage.deps.database.read() as tx:
        mine = next(one for one in tx.integrations.of_account(stage.byggesak.id) if one.organization_number == FJELL)

    where = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    remove_integration(stage.deps, **where, integration_id=mine.id)
    assert cast.sharer.get(f"/shares/{draft['id']}").status_code == 404
    headers = {
        "Authorization": f"Bearer {document['upload']['token']}",
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    sent = cast.sharer.browser.request("PATCH", document["upload"]["url"], content=b"innhold", headers=headers)
    assert sent.status_code == 404
    integrate(stage, FJELL, stage.byggesak, IntegrationRights.READ)
    assert cast.sharer.get(f"/shares/{draft['id']}").status_code == 200


def test_the_acts_of_a_system_are_in_the_trail_with_its_supplier(cast: Systems, stage: Stage) -> None:
    share = begun(System(cast.web.browser(), token_of(stage, FJELL, SUPPLIER)), stage)
    [event] = [event for _, event in stage.trail() if event.share_id == share["id"]]
    assert event.details["supplier"] == SUPPLIER
    assert "integration" in event.details
    assert event.subject_id is None
    assert event.at == NOON
