"""The newest agreements and templates say what the product does: periods, limits and acts are those of the code."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from deldokument.adapters.documents.texts import PackageLibrary
from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, existing
from deldokument.domain.shares.share import DRAFT_LIFETIME, SYSTEM_DRAFT_LIFETIME, ShareState, Verdict
from deldokument.domain.tenants.agreement import GRACE, AgreementKind, SignatureState
from deldokument.domain.tenants.tenancy import PeriodRule
from deldokument.services.agreements import status, texts
from deldokument.services.api.idempotency import KEPT
from deldokument.services.auth.sessions import IDLE, MAX_AGE
from deldokument.services.notifications.recipient_notices import REMINDERS
from deldokument.services.shares.published import publishing
from deldokument.services.tenants import freezing, offboarding
from deldokument.services.tenants.deletion_record import deletion_record
from deldokument.services.tenants.registration import STANDARD_RETENTION
from deldokument.web.http.responses.i18n import Translator
from tests.support.stage.agreement_texts import name_administrator, with_short_texts
from tests.support.stage.stage import KARI, SIV, Stage, person, run_all
from tests.support.stage.tenants import sign_agreements

LIBRARY = PackageLibrary()
NEWEST = {kind: LIBRARY.versions(kind)[-1] for kind in AgreementKind}
AGREEMENT, MAIN, DPIA, ROS = (
    LIBRARY.text(kind, NEWEST[kind]).markdown
    for kind in (AgreementKind.SERVICE, AgreementKind.MAIN, AgreementKind.ASSESSMENT, AgreementKind.RISK)
)
DOCS = Path(__file__).parents[3] / "docs"
WORDS = {1: "én", 7: "sju", 12: "tolv"}


def clause(number: str, text: str = AGREEMENT) -> str:
    """A numbered paragraph of an agreement."""
    return text.partition(f"**{number}** ")[2].partition("\n")[0]


def section(heading: str, text: str) -> str:
    """What stands below a heading, up to the next of its level or a higher one."""
    marks = heading.partition(" ")[0]
    return re.split(rf"^#{{2,{len(marks)}}} ", text.partition(f"{heading}\n")[2], flags=re.M)[0]


def days(period: timedelta) -> str:
    """As the texts write small numbers."""
    return WORDS[period.days]


def test_the_states_of_receipts_are_those_of_the_texts() -> None:
    words = [Translator("nb").text(word) for word in ("Partly downloaded", "Downloaded", "Confirmed")]
    for word in words:
        assert f"«{word}»" in clause("1.9")
    assert all(f"«{word}»" in ROS for word in words[1:])


def test_the_kind_of_browser_that_sessions_keep_is_named() -> None:
    for text in (AGREEMENT, DPIA, ROS):
        assert "navnet på nettleseren" in text


def test_the_retention_period_of_the_texts_is_the_products_and_nobody_is_promised_another() -> None:
    months = WORDS[round(STANDARD_RETENTION.days / 30.4)]
    for text in (AGREEMENT, DPIA):
        assert set(re.findall(r"(\w+) måneder (?:etter|tilbake)", text)) == {months}
        assert not re.search(r"hvis ikke (?:kunden har avtalt|annet er avtalt)", text)
    assert "ikke endres i tjenesten" in clause("7.4")
    assert "the retention period of 12 months, which no setting changes." in " ".join(
        (DOCS / "audit.md").read_text("utf-8").split()
    )


def test_the_deadline_for_signing_is_the_products() -> None:
    assert f"kunden har {GRACE.days} dager på seg til å signere" in clause("17.1")
    [promised] = re.findall(r"minst (\d+) dager til å signere", clause("9.3", MAIN))
    assert int(promised) <= GRACE.days


def test_drafts_answers_sessions_and_reminders_have_the_lifetimes_of_the_texts() -> None:
    assert f"endret dem på {days(DRAFT_LIFETIME)} dager" in clause("15.1")
    assert f"endret dem på {SYSTEM_DRAFT_LIFETIME // timedelta(hours=1)} timer, hvis de ikke venter" in clause("15.1")
    week, day = (days(ahead) for ahead in REMINDERS.values())
    for text in (AGREEMENT, DPIA):
        assert f"kryptert i inntil {KEPT // timedelta(hours=1)} timer" in text
        assert f"borte i {IDLE // timedelta(minutes=1)} minutter" in text
        assert f"innlogget i {MAX_AGE // timedelta(hours=1)} timer" in text
        assert f"{week} dager og {day} dag før delingen avsluttes" in text
    assert f"høyst {PeriodRule().longest.days} dager om gangen" in DPIA


def test_the_version_that_is_signed_applies_and_sharing_stops_when_the_agreement_says(stage: Stage) -> None:
    sign_agreements(stage.deps, stage.tenant.id)
    name_administrator(stage)
    texts.publish_agreement(with_short_texts(stage).deps, AgreementKind.SERVICE, "1.1")

    def state() -> tuple[str, SignatureState, bool]:
        now = status.agreements_of(stage.deps, tenant_id=stage.tenant.id).status
        assert now.signed
        return now.signed.version, now.service.state, now.wants_signature

    assert state() == ("1.0", SignatureState.DUE, True)
    shared = stage.publish()
    stage.clock.advance(days=GRACE.days - 1)
    late = stage.publish()
    stage.clock.advance(days=1)
    assert state() == ("1.0", SignatureState.OVERDUE, True)
    draft = stage.draft()
    with pytest.raises(Conflict, match="signature_overdue"):
        publishing.publish_share(stage.deps, person(KARI), draft.id)
    with stage.deps.database.read() as tx:
        assert [share.state for share in map(tx.shares.get, (shared, late)) if share] == [ShareState.AVAILABLE] * 2
    said = clause("17.2")
    assert "gjelder den versjonen kunden sist signerte, også når fristen er ute" in said
    assert "stanser tjenesten nye delinger" in said
    assert "blir stående til de utløper" in said


def test_what_is_stopped_ends_on_its_date_as_the_texts_say(stage: Stage) -> None:
    share_id = stage.publish()
    freezing.set_share_freeze(stage.deps, share_id, person(SIV), freezing.FreezeReason.REQUEST)
    stage.clock.advance(days=PeriodRule().longest.days + 1)
    run_all(stage.deps)
    with stage.deps.database.read() as tx:
        share = tx.shares.get(share_id)
    assert share
    assert (share.state, share.key_destroyed_at is not None) == (ShareState.ENDED, True)
    assert "avsluttes likevel" in clause("1.8")
    assert "avsluttes likevel" in section("## 5 De registrertes rettigheter", DPIA)
    assert "avsluttes likevel" in section("## 7 Organisasjon og personvern", ROS)


def test_after_the_end_names_are_kept_as_long_as_the_agreement_says(stage: Stage) -> None:
    share_id = stage.publish()
    offboarding.offboard_tenant(stage.deps, tenant_id=stage.tenant.id, typed_name="Eksempel kommune")
    run_all(stage.deps)
    kept = deletion_record(stage.deps, tenant_id=stage.tenant.id)
    assert kept.contents_deleted_at is not None
    assert kept.names_until - kept.ended_at == STANDARD_RETENTION
    with stage.deps.database.read() as tx:
        assert tx.shares.recipients([share_id])
    assert "slettes ikke ved avslutningen" in clause("15.4")
    assert "trekkes tilbake i samme øyeblikk" in clause("15.2")
    assert "maskert" in clause("15.7")
    assert "innen 30 dager" not in section("### 15 Sletting og tilbakelevering", AGREEMENT)


def test_backups_are_kept_no_longer_than_the_agreement_says() -> None:
    [promised] = re.findall(r"sikkerhetskopier senest (\d+) dager etter", clause("15.6"))
    backup = section("## Backup", (DOCS / "operate" / "recovery.md").read_text("utf-8"))
    assert f"Delete dumps after {promised} days at the latest" in " ".join(backup.split())


def test_each_text_offers_a_malware_check_only_with_a_scanner_and_names_the_mark_without(stage: Stage) -> None:
    stage.publish()
    inspections = [event for _, event in stage.trail() if event.kind is EventKind.DOCUMENT_INSPECTED]
    verdicts = {existing(event.details)["verdict"] for event in inspections}
    assert verdicts == {Verdict.NOT_SCANNED}
    mark = Translator("nb").text("not checked for viruses").capitalize()
    for text in (AGREEMENT, DPIA, ROS):
        assert f"merket «{mark}» for mottakeren og for den som deler" in text
        assert "Har leverandøren satt opp en viruskontroll, " in text


def test_notices_e_mail_and_webhooks_are_in_the_texts() -> None:
    recipients = section("### 3.4 Hvem som får opplysningene", DPIA)
    for word in ("Altinn Varsling", "SMS", "e-post", "webhook"):
        assert word in recipients, word
        assert word in AGREEMENT, word
    assert "sender ikke lenken selv" not in DPIA


def test_the_main_agreement_says_in_which_order_the_agreements_may_be_signed(stage: Stage) -> None:
    sign_agreements(stage.deps, stage.tenant.id, AgreementKind.SERVICE)
    now = status.agreements_of(stage.deps, tenant_id=stage.tenant.id).status
    assert (now.service_signed, now.main_arrived) == (True, False)
    assert "kan signere tjenesteavtaler før hovedavtalen er registrert" in MAIN


def test_the_assessment_is_the_controllers_and_the_data_protection_officer_gives_advice() -> None:
    [responsible] = re.findall(r"^\| Ansvarlig for vurderingen.*$", DPIA, re.M)
    assert "kommunedirektøren, virksomhetens leder eller den som har fått det delegert" in responsible
    assert "ombud" not in responsible
    for article in ("artikkel 35 nr. 2", "artikkel 38 nr. 6", "artikkel 39 nr. 1 bokstav c"):
        assert article in DPIA, article


def test_a_high_residual_risk_means_that_datatilsynet_is_consulted() -> None:
    residual = section("## 7 Restrisiko", DPIA)
    assert "skal virksomheten rådføre seg med Datatilsynet før tjenesten tas i bruk (artikkel 36 nr. 1)" in residual
    assert "vurdert" not in residual


def risks() -> dict[int, tuple[int, int]]:
    """Consequence and likelihood of each row that has numbers."""
    rows = re.findall(r"^\| (\d+) \|[^|]*\|[^|]*\| (\d) \| (\d) \|", ROS, re.M)
    return {int(number): (int(consequence), int(likelihood)) for number, consequence, likelihood in rows}


def test_the_suppliers_own_numbers_let_the_service_be_used() -> None:
    [limit] = re.findall(r"Risiko (\d+) eller høyere skal reduseres før tjenesten brukes", ROS)
    assert sorted(risks()) == list(range(1, len(risks()) + 1))
    assert {number for number, (k, s) in risks().items() if k * s >= int(limit)} == set()


def test_a_number_that_wants_a_measure_of_the_customers_says_what_the_risk_is_without_it() -> None:
    wanted = re.findall(
        r"^\| (\d+) \|.*Tallet forutsetter at dere .*Gjør dere ikke det, er S (\d) og risikoen (\d+)\.", ROS, re.M
    )
    assert [number for number, _, _ in wanted] == ["11", "15"]
    for number, likelihood, risk in wanted:
        consequence, with_the_measure = risks()[int(number)]
        assert int(likelihood) > with_the_measure
        assert int(risk) == consequence * int(likelihood)


def test_the_loss_of_the_keyring_is_as_grave_as_it_is() -> None:
    [row] = re.findall(r"^\| \d+ \| Nøkkelringen går tapt\. .*$", ROS, re.M)
    assert risks()[int(row.split("|")[1])][0] == 4
    for lost in ("registrert på nytt", "Signerte avtaler", "navnene i hendelsesloggen"):
        assert lost in row
        assert lost.lower() in clause("9.4").lower()


def test_the_operators_page_publishes_the_newest_versions() -> None:
    commands = re.findall(r"agreement publish (\w+) ([\d.]+\d)", (DOCS / "administering.md").read_text("utf-8"))
    assert commands
    assert all(NEWEST[AgreementKind(kind)] == version for kind, version in commands)


def test_the_first_versions_stay_for_those_who_signed_them() -> None:
    assert {kind: LIBRARY.versions(kind)[0] for kind in AgreementKind} == dict.fromkeys(AgreementKind, "1.0")
