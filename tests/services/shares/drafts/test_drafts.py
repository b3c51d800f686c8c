"""Filling in a share: what is taken, what is refused and why, and who gets near it."""

from datetime import timedelta
from itertools import islice

import pytest
from stdnum.no import orgnr

from deldokument.domain.errors import Conflict, InvalidInput, NotFound, TooLarge
from deldokument.domain.shares.share import MAX_DOCUMENTS, MAX_RECIPIENTS, Document, Recipient, ShareState
from deldokument.domain.shares.upload import MAX_LENGTH
from deldokument.ports.registers import RegisteredOrganization
from deldokument.services.shares.display import queries
from deldokument.services.shares.drafts import drafts
from deldokument.services.uploads import append as uploads_append
from tests.support.stage.stage import BANKRUPT, DELETED, FJELL, KARI, ODD, OLA, PER, SIV, VIGDIS, Stage, person
from tests.support.stored_data import everything


def recipients(stage: Stage, share_id: str) -> list[Recipient]:
    with stage.deps.database.read() as tx:
        return tx.shares.recipients([share_id])


def view(stage: Stage, share_id: str, sharer: str = KARI) -> queries.ShareView:
    return queries.show_share(stage.deps, person(sharer), share_id)[0]


def organizations() -> list[str]:
    return list(islice((str(n) for n in range(910_000_000, 920_000_000) if orgnr.is_valid(str(n))), MAX_RECIPIENTS + 1))


def test_a_draft_keeps_what_the_form_says(stage: Stage) -> None:
    share = stage.draft()
    words = stage.words(title=" Vedtak ", message="Hei\nOla", reference="2026/7", confidential=False)
    drafts.save_draft(stage.deps, person(KARI), share.id, words)
    shown = view(stage, share.id)
    assert (shown.texts.title, shown.texts.message, shown.texts.reference) == ("Vedtak", "Hei\nOla", "2026/7")
    assert (shown.share.confidential, shown.share.archived, shown.share.expires_at) == (False, True, words.expires_at)
    assert shown.share.state is ShareState.DRAFT


def test_a_period_outside_the_rule_is_reported_and_the_rest_is_kept(stage: Stage) -> None:
    share = stage.draft()
    words = stage.words(title="Vedtak", expires_at=stage.clock.now() + timedelta(days=91))
    with pytest.raises(InvalidInput) as caught:
        drafts.save_draft(stage.deps, person(KARI), share.id, words)
    assert (caught.value.field, caught.value.code) == ("expires_at", "period_too_long")
    assert view(stage, share.id).texts.title == "Vedtak"


def test_a_form_without_an_end_is_kept(stage: Stage) -> None:
    share = stage.draft()
    drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(expires_at=None, title="Uten slutt"))
    assert view(stage, share.id).texts.title == "Uten slutt"


@pytest.mark.parametrize(
    ("field", "text"), [("title", "x" * 201), ("message", "x" * 4001), ("reference", "x" * 101), ("title", "a\ud800")]
)
def test_a_text_that_breaks_a_rule_changes_nothing(stage: Stage, field: str, text: str) -> None:
    share = stage.draft()
    with pytest.raises(InvalidInput) as caught:
        drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(**({"title": "Ny"} | {field: text})))
    assert caught.value.field == field
    assert view(stage, share.id).texts.title == ""


def test_everything_that_was_pasted_becomes_a_recipient_once(stage: Stage) -> None:
    share = stage.draft()
    pasted = f"{OLA}; {OLA[:6]} {OLA[6:]}\n312 824 450, {FJELL}\t{SIV}"
    assert drafts.add_recipients(stage.deps, person(KARI), share.id, pasted).refused == []
    assert drafts.add_recipients(stage.deps, person(KARI), share.id, pasted).refused == []
    shown = view(stage, share.id).recipients
    assert [(r.kind, r.display, r.name, r.confirmed) for r in shown] == [
        ("person", f"{OLA[:6]} *****", "", False),
        ("organization", "312 824 450", "FJELL AS", True),
        ("person", f"{SIV[:6]} *****", "", False),
    ]


def test_a_refused_recipient_is_reported_with_the_reason_and_the_others_are_added(stage: Stage) -> None:
    share = stage.draft()
    unknown = next(number for number in organizations() if number not in stage.register.known)
    pasted = f"{BANKRUPT} {DELETED} {unknown} 01017012345 123 {FJELL}"
    refused = drafts.add_recipients(stage.deps, person(KARI), share.id, pasted).refused
    assert [(r.text, r.error.code) for r in refused] == [
        (BANKRUPT, "organization_bankrupt"),
        (DELETED, "organization_deleted"),
        (unknown, "organization_unknown"),
        ("01017012345", "person_number_unknown"),
        ("123", "recipient_number_length"),
    ]
    assert [r.error.params.get("name") for r in refused][:2] == ["NEDLAGT FISK AS", "GAMLEBAKERIET AS"]
    assert [r.name for r in view(stage, share.id).recipients] == ["FJELL AS"]


@pytest.mark.parametrize("status", ["winding_up", "forced_winding_up"])
def test_an_organisation_that_is_being_wound_up_still_receives(stage: Stage, status: str) -> None:
    stage.register.known[FJELL] = RegisteredOrganization(FJELL, "FJELL AS", "AS", status)  # type: ignore[arg-type]
    assert drafts.add_recipients(stage.deps, person(KARI), stage.draft().id, FJELL).refused == []


def test_more_recipients_than_the_limit_are_refused_before_a_register_is_asked(stage: Stage) -> None:
    share = stage.draft()
    stage.register.down = True
    with pytest.raises(InvalidInput) as caught:
        drafts.add_recipients(stage.deps, person(KARI), share.id, " ".join(organizations()))
    assert (caught.value.code, caught.value.params) == ("too_many_recipients", {"longest": MAX_RECIPIENTS})


def test_a_full_share_takes_those_it_has_again_and_no_other(stage: Stage) -> None:
    share = stage.draft()
    numbers = organizations()[:MAX_RECIPIENTS]
    stage.register.known |= {n: RegisteredOrganization(n, f"NR {n}", "AS", "active") for n in numbers}
    assert drafts.add_recipients(stage.deps, person(KARI), share.id, " ".join(numbers)).refused == []
    assert drafts.add_recipients(stage.deps, person(KARI), share.id, " ".join(numbers)).refused == []
    with pytest.raises(InvalidInput, match="too_many_recipients"):
        drafts.add_recipients(stage.deps, person(KARI), share.id, OLA)
    assert len(recipients(stage, share.id)) == MAX_RECIPIENTS


def test_a_recipient_gets_a_label_and_a_person_is_confirmed_by_the_sharer(stage: Stage) -> None:
    share = stage.draft()
    drafts.add_recipients(stage.deps, person(KARI), share.id, f"{OLA} {FJELL}")
    ola, fjell = recipients(stage, share.id)
    drafts.change_recipient(stage.deps, person(KARI), share.id, ola.id, label=" søker ", confirmed=True)
    drafts.change_recipient(stage.deps, person(KARI), share.id, fjell.id, confirmed=False)
    shown = view(stage, share.id).recipients
    assert [(r.label, r.confirmed) for r in shown] == [("søker", True), ("", True)]
    drafts.change_recipient(stage.deps, person(KARI), share.id, ola.id, confirmed=False)
    assert not recipients(stage, share.id)[0].confirmed
    with pytest.raises(InvalidInput) as caught:
        drafts.change_recipient(stage.deps, person(KARI), share.id, ola.id, label="x" * 101)
    assert caught.value.field == "label"


def test_a_recipient_is_taken_out_again(stage: Stage) -> None:
    share, other = stage.draft(), stage.draft()
    drafts.add_recipients(stage.deps, person(KARI), share.id, f"{OLA} {SIV}")
    ola, _ = recipients(stage, share.id)
    for wrong_share, wrong_id in ((other.id, ola.id), (share.id, "unknown")):
        with pytest.raises(NotFound):
            drafts.remove_recipient(stage.deps, person(KARI), wrong_share, wrong_id)
    drafts.remove_recipient(stage.deps, person(KARI), share.id, ola.id)
    assert [r.display for r in view(stage, share.id).recipients] == [f"{SIV[:6]} *****"]


@pytest.mark.parametrize("stranger", [ODD, VIGDIS, OLA, SIV])
def test_to_nobody_but_members_of_the_account_does_a_draft_exist(stage: Stage, stranger: str) -> None:
    share, who = stage.draft(), person(stranger)
    drafts.add_recipients(stage.deps, person(KARI), share.id, OLA)
    [ola] = recipients(stage, share.id)
    document_id = stage.upload(share.id, "a.txt", b"a")
    for share_id in (share.id, "unknown"):
        attempts = [
            lambda i=share_id: drafts.save_draft(stage.deps, who, i, stage.words()),
            lambda i=share_id: drafts.add_recipients(stage.deps, who, i, SIV),
            lambda i=share_id: drafts.change_recipient(stage.deps, who, i, ola.id, label="x"),
            lambda i=share_id: drafts.remove_recipient(stage.deps, who, i, ola.id),
            lambda i=share_id: drafts.add_document(stage.deps, who, i, name="b", length=1, modified_at=None),
            lambda i=share_id: drafts.remove_document(stage.deps, who, i, document_id),
            lambda i=share_id: drafts.discard_draft(stage.deps, who, i),
        ]
        for attempt in attempts:
            with pytest.raises(NotFound):
                attempt()
    assert len(recipients(stage, share.id)) == 1


def test_a_draft_does_not_move_to_an_account_of_another_tenant(stage: Stage) -> None:
    share = stage.draft()
    with pytest.raises(NotFound):
        drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(account_id=stage.barnevern.id))
    stage.add(KARI, "Kari Lunde", stage.barnevern)
    with pytest.raises(InvalidInput, match="account_of_other_tenant"):
        drafts.save_draft(stage.deps, person(KARI), share.id, stage.words(account_id=stage.barnevern.id))


def test_nobody_starts_a_draft_in_an_account_of_others(stage: Stage) -> None:
    for account_id in (stage.barnevern.id, "unknown"):
        with pytest.raises(NotFound):
            drafts.start_draft(stage.deps, person(KARI), account_id=account_id)


def test_the_same_file_chosen_again_goes_on_where_it_was_with_a_new_token(stage: Stage) -> None:
    share = stage.draft()
    first = drafts.add_document(stage.deps, person(KARI), share.id, name="a.bin", length=8, modified_at=17)
    append = uploads_append.begin_append(stage.deps, first.token, first.upload_id, offset=0, announced=5)
    append.write([b"12345"])
    append.finish()
    again = drafts.add_document(stage.deps, person(KARI), share.id, name="a.bin", length=8, modified_at=17)
    assert (again.document_id, again.upload_id, again.offset) == (first.document_id, first.upload_id, 5)
    assert again.token != first.token
    with pytest.raises(NotFound):
        uploads_append.find_upload(stage.deps, first.token)
    assert uploads_append.find_upload(stage.deps, again.token).offset == 5


@pytest.mark.parametrize("other", [{"name": "b.bin"}, {"length": 9}, {"modified_at": 18}, {"modified_at": None}])
def test_another_file_is_another_document(stage: Stage, other: dict[str, object]) -> None:
    share = stage.draft()
    same = {"name": "a.bin", "length": 8, "modified_at": 17}
    first = drafts.add_document(stage.deps, person(KARI), share.id, **same)  # type: ignore[arg-type]
    second = drafts.add_document(stage.deps, person(KARI), share.id, **(same | other))  # type: ignore[arg-type]
    assert first.document_id != second.document_id


def test_a_complete_document_of_the_same_name_is_another_one(stage: Stage) -> None:
    share = stage.draft()
    assert stage.upload(share.id, "a.txt", b"en") != stage.upload(share.id, "a.txt", b"en")
    assert [d.name for d in view(stage, share.id).documents] == ["a.txt", "a.txt"]


def test_a_document_over_the_limit_is_refused_before_the_first_byte(stage: Stage) -> None:
    share = stage.draft()
    with pytest.raises(TooLarge, match="document_too_large"):
        drafts.add_document(stage.deps, person(KARI), share.id, name="a", length=MAX_LENGTH + 1, modified_at=None)
    assert stage.document_ids(share.id) == []


def test_a_share_has_a_limit_of_documents(stage: Stage) -> None:
    share = stage.draft()
    ticket = drafts.add_document(stage.deps, person(KARI), share.id, name="a", length=1, modified_at=None)
    with stage.deps.database.write() as tx:
        pattern = tx.shares.document(ticket.document_id)
        assert pattern is not None
        for number in range(2, MAX_DOCUMENTS + 1):
            tx.shares.add_document(replaced(pattern, number))
    with pytest.raises(InvalidInput) as caught:
        drafts.add_document(stage.deps, person(KARI), share.id, name="b", length=2, modified_at=None)
    assert (caught.value.code, caught.value.params) == ("too_many_documents", {"longest": MAX_DOCUMENTS})


def replaced(pattern: Document, number: int) -> Document:
    return Document(f"{number:032x}", pattern.share_id, pattern.sealed_name, 3, number)


def test_a_document_is_taken_out_again_and_its_bytes_become_garbage(stage: Stage) -> None:
    share, other = stage.draft(), stage.draft()
    document_id = stage.upload(share.id, "a.txt", b"a")
    for wrong_share, wrong_id in ((other.id, document_id), (share.id, "0" * 32)):
        with pytest.raises(NotFound):
            drafts.remove_document(stage.deps, person(KARI), wrong_share, wrong_id)
    drafts.remove_document(stage.deps, person(KARI), share.id, document_id)
    assert stage.document_ids(share.id) == []
    with stage.deps.database.read() as tx:
        assert len(tx.uploads.garbage(10)) == 1


def test_a_discarded_draft_is_no_draft_any_more(stage: Stage) -> None:
    share = stage.draft()
    drafts.discard_draft(stage.deps, person(KARI), share.id)
    with pytest.raises(Conflict, match="not_a_draft"):
        drafts.discard_draft(stage.deps, person(KARI), share.id)
    with pytest.raises(Conflict, match="not_a_draft"):
        drafts.add_recipients(stage.deps, person(KARI), share.id, OLA)


def test_a_published_share_takes_no_more_recipients_words_or_documents(stage: Stage) -> None:
    share_id, who = stage.publish(OLA), person(KARI)
    for attempt in (
        lambda: drafts.save_draft(stage.deps, who, share_id, stage.words()),
        lambda: drafts.add_recipients(stage.deps, who, share_id, SIV),
        lambda: drafts.add_document(stage.deps, who, share_id, name="b", length=1, modified_at=None),
        lambda: drafts.remove_document(stage.deps, who, share_id, stage.document_ids(share_id)[0]),
        lambda: drafts.discard_draft(stage.deps, who, share_id),
    ):
        with pytest.raises(Conflict, match="not_a_draft"):
            attempt()


def test_numbers_names_and_words_are_nowhere_readable(stage: Stage) -> None:
    share = stage.draft()
    words = stage.words(title="Kanarifugl-tittel", message="Kanarifugl-melding", reference="Kanari/1")
    drafts.save_draft(stage.deps, person(KARI), share.id, words)
    drafts.add_recipients(stage.deps, person(KARI), share.id, f"{OLA} {PER}")
    drafts.change_recipient(
        stage.deps, person(KARI), share.id, recipients(stage, share.id)[0].id, label="Kanarifugl-merke"
    )
    stage.upload(share.id, "Kanarifugl.pdf", b"Kanarifugl-innhold" * 100)
    stored = everything(stage)
    for secret in ("Kanari", OLA, PER, KARI, "Kari Lunde"):
        assert secret.encode() not in stored
