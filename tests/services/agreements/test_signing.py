"""Signing the service agreement: who may, of what, by which login; and what stops it."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from deldokument.adapters.documents.signing import MissingSeal
from deldokument.domain.audit import AuditEvent, EventKind
from deldokument.domain.errors import (
    Broken,
    Conflict,
    InvalidFields,
    LoginFailed,
    NotFound,
    ServiceError,
    Unavailable,
)
from deldokument.domain.tenants.agreement import AgreementKind
from deldokument.domain.tenants.agreement_records import INTENT_LIFETIME, ServiceAgreement
from deldokument.services.agreements import signing, status, texts
from deldokument.services.agreements.signing import SigningResult
from deldokument.services.agreements.status import ServiceAgreementView
from deldokument.services.auth.sessions import Session, complete_login, end_by_back_channel
from deldokument.services.encryption import EncryptedColumn, existing_key, identifier_hash, open_field, tenant_key_id
from deldokument.services.people import directory_key
from deldokument.services.tenants.registration import change_tenant_rules
from tests.support.browser import EWA
from tests.support.bulk.sample_files import text_of
from tests.support.stage.agreement_texts import (
    SHORT,
    ShortLibrary,
    ask,
    begin,
    name_administrator,
    publish_texts,
    session,
    sign,
    with_short_texts,
)
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, NOON, SIV, Stage, person
from tests.support.stored_data import do_as_owner, everything


@pytest.fixture(autouse=True)
def ready(stage: Stage) -> None:
    """Short texts, published, and Ewa as administrator."""
    with_short_texts(stage)
    publish_texts(stage)
    name_administrator(stage)


def signed(stage: Stage) -> list[ServiceAgreementView]:
    return list(status.agreements_of(stage.deps, tenant_id=stage.tenant.id).services)


def events(stage: Stage, kind: EventKind) -> list[tuple[str | None, AuditEvent]]:
    return [(number, event) for number, event in stage.trail() if event.kind is kind]


def result(stage: Stage, intent_id: str) -> SigningResult:
    return signing.show_signing(stage.deps, tenant_id=stage.tenant.id, intent_id=intent_id)


def evidence(stage: Stage, agreement: ServiceAgreement) -> dict[str, str]:
    key = existing_key(stage.deps.keyring, tenant_key_id(stage.tenant.id))
    opened: dict[str, str] = json.loads(
        open_field(key, agreement.sealed_evidence, EncryptedColumn.SIGNING_EVIDENCE, agreement.id)
    )
    return opened


def test_a_signature_names_document_organisation_signer_and_time(stage: Stage) -> None:
    ewa = session(stage)
    offer = signing.offer_signing(stage.deps, ewa, tenant_id=stage.tenant.id)
    stage.clock.advance(minutes=1)
    intent_id, answer = begin(stage, ewa)
    stage.clock.advance(minutes=2)
    signing.complete_signing(stage.deps, ewa, answer)
    view = signed(stage)[0]
    assert (view.signer, view.role) == ("Ewa Kowalska", "Kommunedirektør")
    agreement = view.agreement
    assert agreement.text_sha256 == hashlib.sha256(offer.document.markdown.encode()).hexdigest()
    assert agreement.document_sha256 == hashlib.sha256(offer.pdf).hexdigest()
    assert (agreement.version, agreement.signed_at) == ("1.0", NOON + timedelta(minutes=3))
    assert (agreement.organization_number, agreement.organization_name) == ("310240001", "Eksempel kommune")
    assert result(stage, intent_id).agreement == view


def test_what_was_shown_can_be_shown_again_to_the_byte(stage: Stage) -> None:
    pdf = signing.offer_signing(stage.deps, session(stage), tenant_id=stage.tenant.id).pdf
    sign(stage)
    agreement = signed(stage)[0].agreement
    shown = status.signed_document(stage.deps, tenant_id=stage.tenant.id, agreement_id=agreement.id)
    assert shown == (agreement, pdf)


def test_the_login_is_in_the_tenants_name_when_asked_for_and_when_answered(stage: Stage) -> None:
    change_tenant_rules(stage.deps, tenant_id=stage.tenant.id, on_behalf_of="eksempel_kommune")
    sign(stage)
    assert len(signed(stage)) == 1
    assert stage.login.completed is not None
    assert stage.login.on_behalf_of == stage.login.completed.on_behalf_of == "eksempel_kommune"


def test_the_login_is_asked_to_be_a_fresh_one(stage: Stage) -> None:
    ewa = session(stage)
    assert not stage.login.asked_fresh
    begin(stage, ewa)
    assert stage.login.asked_fresh


def test_the_providers_word_commits_to_the_very_statement(stage: Stage) -> None:
    sign(stage)
    agreement = signed(stage)[0].agreement
    kept = evidence(stage, agreement)
    digest = hashlib.sha256(kept["statement"].encode()).digest()
    assert kept["claims"]["nonce"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()  # type: ignore[index]
    for said in (agreement.text_sha256, agreement.document_sha256, "310240001", "versjon 1.0"):
        assert said in kept["statement"]
    assert "Jeg har fullmakt til å signere for Eksempel kommune." in kept["statement"]
    assert kept["id_token"] == "id-token"


def test_two_logins_for_one_signature_commit_with_different_nonces(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, first = begin(stage, ewa)
    second = ask(stage, ewa, intent_id)
    with stage.deps.database.read() as tx:
        assert tx.agreements.intent_by_state(first["state"]) is None
        found = tx.agreements.intent_by_state(second["state"])
    assert found is not None
    assert found.login is not None
    assert len(found.login.salt) >= 32


def test_the_paper_lists_the_evidence_and_hides_the_number(stage: Stage) -> None:
    sign(stage)
    agreement = signed(stage)[0].agreement
    _, pdf = status.signed_pdf(stage.deps, tenant_id=stage.tenant.id, agreement_id=agreement.id)
    words = text_of(pdf)
    for said in (
        "Avtalen gjelder til den blir sagt opp",
        "Jeg har fullmakt til å signere for Eksempel kommune.",
        "Ewa Kowalska",
        "Kommunedirektør",
        "24.11.2026 kl. 13.00.00 (norsk tid)",
        "idporten-loa-high",
        agreement.text_sha256,
        agreement.document_sha256,
        hashlib.sha256(b"id-token").hexdigest(),
        str(evidence(stage, agreement)["claims"]["nonce"]),  # type: ignore[index]
        f"{EWA[:6]} *****",
    ):
        assert said in words, said
    assert EWA not in words
    assert EWA.encode() not in pdf
    assert b"id-token" not in pdf


def test_the_signature_is_recorded_with_the_person(stage: Stage) -> None:
    intent_id = sign(stage)
    agreement = signed(stage)[0].agreement
    (begun,), (done,) = (
        events(stage, EventKind.SIGNING_BEGUN),
        events(stage, EventKind.SERVICE_AGREEMENT_SIGNED),
    )
    assert (begun[0], done[0]) == (EWA, EWA)
    assert done[1].details == {"intent": intent_id, "version": "1.0", "agreement": agreement.id}
    assert done[1].tenant_id == stage.tenant.id


def test_neither_number_nor_name_nor_token_is_readable_in_the_database(stage: Stage) -> None:
    sign(stage)
    content = everything(stage)
    for secret in (EWA, "Ewa Kowalska", "Kommunedirektør", "id-token", "%PDF-"):
        assert secret.encode() not in content, secret


def test_a_login_counts_also_when_the_two_clocks_differ(stage: Stage) -> None:
    """The demo moves our clock forward; the provider's stays where it is."""
    stage.clock.advance(days=40)
    sign(stage)
    assert len(signed(stage)) == 1


def test_the_same_answer_twice_signs_once_and_both_see_the_result(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    first, second = (signing.complete_signing(stage.deps, ewa, answer) for _ in range(2))
    assert first == second
    assert first.refusal is None
    assert len(signed(stage)) == 1
    assert result(stage, intent_id).agreement == signed(stage)[0]


def test_two_answers_at_once_sign_once(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    barrier = threading.Barrier(2)

    def come_back() -> object:
        barrier.wait(10)
        return signing.complete_signing(stage.deps, ewa, answer)

    with ThreadPoolExecutor(2) as pool:
        done = [future.result() for future in [pool.submit(come_back) for _ in range(2)]]
    assert done == [signing.SigningDone(stage.tenant.id, intent_id)] * 2
    assert len(signed(stage)) == 1
    assert len(events(stage, EventKind.SERVICE_AGREEMENT_SIGNED)) == 1


def test_a_double_submit_of_the_confirmation_signs_once_and_both_see_the_signature(stage: Stage) -> None:
    ewa = session(stage)
    (first, answer), (second, other) = begin(stage, ewa), begin(stage, ewa)
    signing.complete_signing(stage.deps, ewa, answer)
    signing.complete_signing(stage.deps, ewa, other)
    assert len(signed(stage)) == 1
    assert result(stage, first).agreement == result(stage, second).agreement == signed(stage)[0]


def test_while_the_paper_is_being_rendered_another_signature_wins(stage: Stage) -> None:
    """Both have passed every check; the database lets one of them stand."""
    ewa = session(stage)
    (first, answer), (second, other) = begin(stage, ewa), begin(stage, ewa)
    inner = stage.deps
    stage.deps = replace(
        inner,
        signer=_Interrupting(inner.signer, lambda: signing.complete_signing(inner, ewa, other)),  # type: ignore[arg-type]
    )
    done = signing.complete_signing(stage.deps, ewa, answer)
    assert done.refusal is not None
    assert done.refusal.code == "agreement_signed"
    assert len(signed(stage)) == 1
    assert result(stage, first).agreement == result(stage, second).agreement == signed(stage)[0]


@dataclass
class _Interrupting:
    """A seal during whose work something else happens."""

    seal_itself: object
    meanwhile: Callable[[], object]

    def check(self, at: datetime) -> None:
        """It can seal."""

    def seal(self, pdf: bytes, *, reason: str, location: str, at: datetime) -> bytes:
        self.meanwhile()
        return bytes(self.seal_itself.seal(pdf, reason=reason, location=location, at=at))  # type: ignore[attr-defined]


def test_a_signed_version_is_not_offered_again(stage: Stage) -> None:
    sign(stage)
    with pytest.raises(Conflict, match="agreement_signed"):
        signing.offer_signing(stage.deps, session(stage), tenant_id=stage.tenant.id)


def test_a_new_version_is_offered_and_signed_beside_the_first(stage: Stage) -> None:
    sign(stage)
    stage.clock.advance(days=1)
    texts.publish_agreement(stage.deps, AgreementKind.SERVICE, "1.1")
    sign(stage)
    assert [view.agreement.version for view in signed(stage)] == ["1.1", "1.0"]


def refused(stage: Stage, code: str, *, intent_id: str, ewa: Session, answer: dict[str, str]) -> ServiceError:
    """The answer is refused with this code: nothing signed, told on the page, recorded with the person."""
    done = signing.complete_signing(stage.deps, ewa, answer)
    assert done.refusal is not None
    assert done.refusal.code == code
    assert signed(stage) == []
    assert result(stage, intent_id) == SigningResult("1.0", None, code, True)
    (number, event) = events(stage, EventKind.SIGNING_REFUSED)[-1]
    assert (number, event.details) == (EWA, {"intent": intent_id, "version": "1.0", "reason": code})
    return done.refusal


def test_a_login_from_before_the_question_is_refused(stage: Stage) -> None:
    """Single sign-on, or a login that somebody kept: the person did not authenticate for this."""
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.clock.advance(seconds=30)
    stage.login.age = timedelta(seconds=34)
    refused(stage, "signing_old_login", intent_id=intent_id, ewa=ewa, answer=answer)


def test_a_login_a_moment_after_the_question_is_good(stage: Stage) -> None:
    ewa = session(stage)
    _, answer = begin(stage, ewa)
    stage.clock.advance(seconds=30)
    stage.login.age = timedelta(seconds=30)
    assert signing.complete_signing(stage.deps, ewa, answer).refusal is None


def test_a_login_dated_after_its_token_is_refused(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.login.age = -timedelta(seconds=10)
    refused(stage, "signing_old_login", intent_id=intent_id, ewa=ewa, answer=answer)


def test_after_a_signature_the_session_ends_when_the_login_that_signed_does(stage: Stage) -> None:
    """A fresh login may begin another session at the provider; a logout there names that session."""
    ewa = session(stage)
    _, answer = begin(stage, ewa)
    stage.login.session_id, stage.login.id_token = "sid-2", "id-token-2"
    assert signing.complete_signing(stage.deps, ewa, answer).refusal is None
    with stage.deps.database.read() as tx:
        kept = tx.sessions.get(ewa.token_hash)
    assert kept
    assert kept.csrf_token == ewa.csrf_token
    end_by_back_channel(stage.deps, "ended:sid-1")
    with stage.deps.database.read() as tx:
        assert tx.sessions.get(ewa.token_hash) == kept
    end_by_back_channel(stage.deps, "ended:sid-2")
    with stage.deps.database.read() as tx:
        assert tx.sessions.get(ewa.token_hash) is None


def test_the_session_follows_no_login_of_another_person(stage: Stage) -> None:
    ewa = session(stage)
    _, answer = begin(stage, ewa)
    stage.login.person, stage.login.session_id = SIV, "sid-2"
    assert signing.complete_signing(stage.deps, ewa, answer).refusal
    with stage.deps.database.read() as tx:
        kept = tx.sessions.get(ewa.token_hash)
    assert kept
    assert kept.provider_session_id == "sid-1"


def test_the_login_of_another_person_is_refused(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.login.person = SIV
    refused(stage, "signing_other_person", intent_id=intent_id, ewa=ewa, answer=answer)


def test_the_login_of_another_administrator_is_refused_too(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.login.person = SIV
    refused(stage, "signing_other_person", intent_id=intent_id, ewa=ewa, answer=answer)


def test_a_login_below_level_high_is_refused(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.login.acr = "idporten-loa-substantial"
    refused(stage, "login_level", intent_id=intent_id, ewa=ewa, answer=answer)


def test_a_cancelled_login_signs_nothing(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    refused(stage, "login_cancelled", intent_id=intent_id, ewa=ewa, answer=answer | {"error": "access_denied"})


@pytest.mark.parametrize("failure", [LoginFailed("login_refused"), Unavailable("login_unavailable")], ids=str)
def test_a_login_that_fails_signs_nothing(stage: Stage, failure: ServiceError) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.login.failure = failure
    assert refused(stage, failure.code, intent_id=intent_id, ewa=ewa, answer=answer) is failure


def test_after_a_refusal_the_same_answer_signs_nothing_either(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.login.person = SIV
    signing.complete_signing(stage.deps, ewa, answer)
    stage.login.person = EWA
    assert signing.complete_signing(stage.deps, ewa, answer).refusal is None
    assert signed(stage) == []
    assert result(stage, intent_id).refusal == "signing_other_person"


def test_an_intent_is_good_for_fifteen_minutes(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.clock.advance(seconds=INTENT_LIFETIME.total_seconds() + 1)
    assert result(stage, intent_id).refusal == "signing_expired"
    with pytest.raises(Conflict, match="signing_expired"):
        ask(stage, ewa, intent_id)
    refused(stage, "signing_expired", intent_id=intent_id, ewa=ewa, answer=answer)


def test_a_text_published_meanwhile_is_not_signed_unread(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    texts.publish_agreement(stage.deps, AgreementKind.SERVICE, "1.1")
    refused(stage, "agreement_changed", intent_id=intent_id, ewa=ewa, answer=answer)


def test_a_tenant_that_got_another_name_meanwhile_has_another_document(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.change_tenant(name="Nye Eksempel kommune")
    refused(stage, "agreement_changed", intent_id=intent_id, ewa=ewa, answer=answer)


def test_an_operator_who_changes_the_address_for_letters_meanwhile_gets_no_signature(stage: Stage) -> None:
    addressed = {**SHORT, AgreementKind.SERVICE: {"1.0": "# Tjenesteavtale\n\nVarsles på {{tenant_email}}.\n"}}
    stage.deps = replace(stage.deps, texts=ShortLibrary(addressed))
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.change_tenant(contact=replace(stage.tenant.contact, email="operator@annet.example"))
    refused(stage, "agreement_changed", intent_id=intent_id, ewa=ewa, answer=answer)


def test_the_statement_is_that_of_the_tenant_as_it_is_now(stage: Stage) -> None:
    """Also where the text itself does not name the tenant."""
    nameless = {**SHORT, AgreementKind.SERVICE: {"1.0": "# Tjenesteavtale\n\nFor alle.\n"}}
    stage.deps = replace(stage.deps, texts=ShortLibrary(nameless))
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.change_tenant(name="Nye Eksempel kommune")
    refused(stage, "agreement_changed", intent_id=intent_id, ewa=ewa, answer=answer)


def test_a_former_administrator_signs_nothing(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    _remove(stage, EWA)
    refused(stage, "not_found", intent_id=intent_id, ewa=ewa, answer=answer)


def test_a_tenant_that_has_left_meanwhile_signs_nothing(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.change_tenant(ended_at=NOON)
    refused(stage, "service_ended", intent_id=intent_id, ewa=ewa, answer=answer)


@pytest.mark.parametrize(
    ("meanwhile", "code"),
    [
        (lambda stage: _remove(stage, EWA), "not_found"),
        (lambda stage: stage.change_tenant(ended_at=NOON), "service_ended"),
        (lambda stage: texts.publish_agreement(stage.deps, AgreementKind.SERVICE, "1.1"), "agreement_changed"),
    ],
    ids=["removed", "left", "published"],
)
def test_a_change_while_the_paper_is_being_rendered_stops_the_signature(
    stage: Stage, meanwhile: Callable[[Stage], object], code: str
) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    stage.deps = replace(stage.deps, signer=_Interrupting(stage.deps.signer, lambda: meanwhile(stage)))  # type: ignore[arg-type]
    refused(stage, code, intent_id=intent_id, ewa=ewa, answer=answer)


def test_without_a_seal_nobody_is_sent_to_log_in_in_vain(stage: Stage) -> None:
    stage.deps = replace(stage.deps, signer=MissingSeal())
    with pytest.raises(Unavailable, match="seal_missing"):
        signing.offer_signing(stage.deps, session(stage), tenant_id=stage.tenant.id)


def test_nobody_is_sent_to_log_in_for_what_an_expired_seal_cannot_seal(stage: Stage) -> None:
    stage.clock.advance(days=6 * 365)
    with pytest.raises(Unavailable, match="seal_expired"):
        begin(stage, session(stage))
    assert events(stage, EventKind.SIGNING_BEGUN) == []


def test_a_seal_that_breaks_signs_nothing(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)

    def fail() -> None:
        raise Broken("seal")

    stage.deps = replace(stage.deps, signer=_Interrupting(stage.deps.signer, fail))  # type: ignore[arg-type]
    refused(stage, "broken", intent_id=intent_id, ewa=ewa, answer=answer)


def test_a_process_that_died_at_work_leaves_a_refusal_after_a_while(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)

    def die() -> None:
        raise KeyboardInterrupt

    stage.deps = replace(stage.deps, signer=_Interrupting(stage.deps.signer, die))  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        signing.complete_signing(stage.deps, ewa, answer)
    assert result(stage, intent_id) == SigningResult("1.0", None, "", True)
    stage.clock.advance(minutes=3)
    assert result(stage, intent_id).refusal == "broken"
    assert signed(stage) == []


def test_an_answer_in_another_session_changes_nothing(stage: Stage) -> None:
    """An answer planted in another's browser signs nothing and stays valid for its owner."""
    ewa = session(stage)
    _, answer = begin(stage, ewa)
    for other in (None, session(stage), session(stage, SIV)):
        with pytest.raises(LoginFailed, match="signing_other_session"):
            signing.complete_signing(stage.deps, other, answer)
    stage.login.person = EWA
    assert signing.complete_signing(stage.deps, ewa, answer).refusal is None
    assert len(signed(stage)) == 1


def test_an_unknown_answer_is_none_to_a_signature(stage: Stage) -> None:
    ewa = session(stage)
    _, answer = begin(stage, ewa)
    assert signing.is_signing(stage.deps, answer["state"])
    assert not signing.is_signing(stage.deps, "state-of-a-login")
    with pytest.raises(LoginFailed):
        signing.complete_signing(stage.deps, ewa, {"state": "state-of-a-login"})


def test_an_answer_to_a_signature_logs_nobody_in(stage: Stage) -> None:
    ewa = session(stage)
    _, answer = begin(stage, ewa)
    with pytest.raises(LoginFailed, match="login_refused"):
        complete_login(stage.deps, answer, browser_secret="", previous_secret=None)


def test_an_intent_of_another_session_or_tenant_is_not_there(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, _ = begin(stage, ewa)
    for other, tenant_id in ((session(stage), stage.tenant.id), (ewa, stage.barnevern.tenant_id)):
        with pytest.raises(NotFound):
            signing.start_login(stage.deps, other, tenant_id=tenant_id, intent_id=intent_id, locale="nb")
    for tenant_id, wanted in ((stage.barnevern.tenant_id, intent_id), (stage.tenant.id, "nothing")):
        with pytest.raises(NotFound):
            signing.show_signing(stage.deps, tenant_id=tenant_id, intent_id=wanted)


def test_a_signature_that_is_over_leads_to_no_login(stage: Stage) -> None:
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    signing.complete_signing(stage.deps, ewa, answer)
    with pytest.raises(Conflict, match="signing_over"):
        ask(stage, ewa, intent_id)


def test_without_confirmed_authority_no_signature_begins(stage: Stage) -> None:
    with pytest.raises(InvalidFields) as failed:
        begin(stage, session(stage), confirmed=False, role="  ")
    assert [(error.field, error.code) for error in failed.value.errors] == [
        ("role", "signer_role_missing"),
        ("authority", "authority_missing"),
    ]
    assert events(stage, EventKind.SIGNING_BEGUN) == []


def test_a_role_that_is_a_novel_or_no_text_is_refused(stage: Stage) -> None:
    for role in ("x" * 101, "Råd\nmann"):
        with pytest.raises(InvalidFields):
            begin(stage, session(stage), role=role)


def test_a_role_makes_no_line_of_its_own_in_the_statement_on_the_paper(stage: Stage) -> None:
    """A press begins a new line at characters at which Python's own files and the form do not."""
    ewa = session(stage)
    _, answer = begin(stage, ewa, role="Rådmann\u2028SHA-256 av teksten: " + "0" * 64)
    assert signing.complete_signing(stage.deps, ewa, answer).refusal is None
    agreement = signed(stage)[0].agreement
    _, pdf = status.signed_pdf(stage.deps, tenant_id=stage.tenant.id, agreement_id=agreement.id)
    lines = [line.strip() for line in text_of(pdf).splitlines()]
    assert [line for line in lines if line.startswith("SHA-256 av teksten")] == [
        f"SHA-256 av teksten: {agreement.text_sha256}"
    ]


def test_a_role_that_turns_the_direction_of_writing_is_refused(stage: Stage) -> None:
    with pytest.raises(InvalidFields) as failed:
        begin(stage, session(stage), role="Råd\u202emann")
    assert [(error.field, error.code) for error in failed.value.errors] == [("role", "text_control_characters")]


def test_only_the_shown_text_is_signed(stage: Stage) -> None:
    with pytest.raises(Conflict, match="agreement_changed"):
        begin(stage, session(stage), shown=("0" * 64, "0" * 64))
    assert events(stage, EventKind.SIGNING_BEGUN) == []


def test_a_person_who_does_not_administer_the_tenant_is_offered_nothing(stage: Stage) -> None:
    for number in (KARI, SIV):
        with pytest.raises(NotFound):
            signing.offer_signing(stage.deps, session(stage, number), tenant_id=stage.tenant.id)
    with pytest.raises(NotFound):
        signing.offer_signing(stage.deps, session(stage), tenant_id=stage.barnevern.tenant_id)


def test_before_anything_is_published_there_is_nothing_to_sign(stage: Stage) -> None:
    do_as_owner(stage.database_url, "DELETE FROM published_text")
    with pytest.raises(Conflict, match="agreement_not_published"):
        signing.offer_signing(stage.deps, session(stage), tenant_id=stage.tenant.id)


def test_nothing_is_signed_in_a_name_that_was_written_to_the_tenants_row(stage: Stage) -> None:
    do_as_owner(stage.database_url, "UPDATE tenant SET name = 'Oslo kommune'")
    with pytest.raises(Conflict, match="records_unproven"):
        signing.offer_signing(stage.deps, session(stage), tenant_id=stage.tenant.id)


def test_intents_are_forgotten_after_a_day_and_signatures_stay(stage: Stage) -> None:
    intent_id = sign(stage)
    stage.clock.advance(hours=23)
    assert signing.forget_intents(stage.deps) == 0
    stage.clock.advance(hours=2)
    assert signing.forget_intents(stage.deps) == 1
    with pytest.raises(NotFound):
        result(stage, intent_id)
    assert len(signed(stage)) == 1


def _remove(stage: Stage, number: str) -> None:
    """Past the rule that a tenant keeps an administrator."""
    with stage.deps.database.write() as tx:
        lookup_hash = identifier_hash(directory_key(stage.deps), person(number))
        for administrator in tx.staff.administrators_by_hash(lookup_hash):
            tx.staff.remove_administrator(administrator.id)
