"""A deployment with a row in every table, before and after persons, shares and rights were taken away."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from sqlalchemy import insert

from deldokument.domain.errors import existing
from deldokument.domain.identifiers import Consumer, OrganizationNumber
from deldokument.domain.tenants.impact_assessment import ResidualRisk
from deldokument.services.accounts import deletion, integrations, lifecycle, members
from deldokument.services.agreements import impact_assessment
from deldokument.services.agreements.impact_assessment import AssessmentPaper, AssessmentWords
from deldokument.services.api import idempotency
from deldokument.services.audit import checkpoints, heads
from deldokument.services.auth import programs, sessions
from deldokument.services.encryption import DIRECTORY, EncryptedColumn, existing_key, seal_file
from deldokument.services.maintenance.seal_requests import answer_seal_requests
from deldokument.services.notifications import webhooks
from deldokument.services.notifications.dispatch import plan_messages
from deldokument.services.notifications.registry import PLANNERS
from deldokument.services.shares.approvals.change_records import Change
from deldokument.services.shares.display import queries
from deldokument.services.shares.published import changes, publishing
from deldokument.services.shares.recipients.recipients import RecipientInput
from deldokument.services.tenants import administrators, freezing, offboarding, operators, registration
from deldokument.services.tenants.freezing import FreezeReason
from deldokument.services.uploads.exchange_keys import offered_certificate
from deldokument.store.audit.seal_requests import SealKind, SealRequest
from deldokument.store.engine.schema import metadata
from deldokument.store.maintenance.orphans import Sweep
from tests.attacker.attack import as_writer
from tests.attacker.victims import Victims, filled, victims
from tests.services.auth.test_own_sessions import log_in
from tests.services.auth.test_programs import CHALLENGE, VERIFIER
from tests.support.bulk.sample_files import PDF
from tests.support.stage.accounts import set_rules
from tests.support.stage.agreement_texts import begin, session, with_short_texts
from tests.support.stage.api import READER, integrate
from tests.support.stage.confirmed import add_administrator, add_member
from tests.support.stage.numbers import synthetic_numbers
from tests.support.stage.stage import FJELL, KARI, OLA, SIV, Stage, person, run_all
from tests.support.stage.tenants import sign_agreements, take_into_use

GONE, WAITING = synthetic_numbers(2)
"""A person whose roles and sessions were ended, and one whose roles nobody has confirmed."""
SOON = timedelta(minutes=10)
READS = Consumer(OrganizationNumber(READER))
"""The system whose integration was removed."""


@dataclass
class Furnished:
    """The deployment. ``shares`` and ``documents``: by what was taken away since. ``roles``: ids of their rows.

    ``secrets``: cookies, tokens, and what was seen of proposals.
    """

    victims: Victims
    shares: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)

    @property
    def stage(self) -> Stage:
        """The world."""
        return self.victims.stage


@contextmanager
def furnished() -> Iterator[Furnished]:
    """The deployment, before anything is taken away; ``take_away`` does that."""
    with victims() as begun:
        place = Furnished(begun, shares=dict(begun.shares))
        _give_roles(place)
        _share(place)
        _sign(place)
        _fill_in(place)
        yield place


def _give_roles(place: Furnished) -> None:
    stage, deps = place.stage, place.stage.deps
    where = {"tenant_id": stage.tenant.id}
    account = where | {"account_id": stage.byggesak.id}
    place.roles = {
        "member": add_member(deps, **account, number=GONE, name="Berit Ås").id,
        "administrator": add_administrator(deps, **where, number=GONE, name="Berit Ås").id,
        "operator": operators.add_operator(deps, number=GONE, name="Berit Ås").id,
        "integration": integrate(stage, READER, stage.byggesak),
    }
    members.add_member(deps, **account, number=WAITING, name="Tor Vik")
    administrators.add_administrator(deps, **where, number=WAITING, name="Tor Vik")
    url = "https://8.8.4.4/hendelser"
    hook, _ = webhooks.add_webhook(deps, READS, account_id=stage.byggesak.id, url=url, events=["share.opened"])
    place.roles["webhook"] = hook.id
    # Two accounts and a tenant that end.
    place.roles["account"] = lifecycle.create_account(deps, **where, name="Nedlagt").id
    contact = stage.tenant.contact
    third = registration.create_tenant(deps, organization_number=READER, name="Nedlagt kommune", contact=contact)
    place.roles["tenant"] = take_into_use(deps, third.id).id
    ended = lifecycle.create_account(deps, tenant_id=third.id, name="Alt")
    add_member(deps, tenant_id=third.id, account_id=ended.id, number=GONE, name="Berit Ås")
    add_administrator(deps, tenant_id=third.id, number=GONE, name="Berit Ås")


def _share(place: Furnished) -> None:
    stage = place.stage
    # So that the share ends before idle sessions do.
    stage.change_tenant(period=replace(stage.tenant.period, shortest=SOON))
    set_rules(stage, stage.byggesak, undo_window=timedelta(minutes=10))
    place.shares["undone"] = stage.publish(SIV)
    set_rules(stage, stage.byggesak, undo_window=timedelta())
    for name in ("revoked", "over", "stopped", "erased"):
        place.shares[name] = stage.publish(SIV, content=name.encode())
    place.shares["unnamed"] = stage.publish(OLA, SIV, content=b"unnamed")
    place.shares["narrowed"] = stage.publish(SIV, content=b"narrowed", also=["annet.pdf"])
    place.shares["confidential"] = stage.publish(FJELL, content=b"confidential")
    place.shares["two-eyes"] = stage.publish(OLA, content=b"two-eyes")
    place.shares["lone"] = filled(stage, KARI, stage.byggesak, OLA, timedelta(days=10))
    for name in place.shares:
        place.documents[name] = next(iter(stage.document_ids(place.shares[name])), "0" * 32)
    place.documents["narrowed"] = stage.document_ids(place.shares["narrowed"])[1]
    place.secrets["ended"], _ = log_in(stage, GONE)


def _sign(place: Furnished) -> None:
    stage, texts = place.stage, place.stage.deps.texts
    sign_agreements(stage.deps, place.roles["tenant"])
    with_short_texts(stage)
    place.secrets["intent"], _ = begin(stage, session(stage))
    stage.deps = replace(stage.deps, texts=texts)
    sign_agreements(stage.deps, stage.tenant.id)
    paper = AssessmentPaper("dpia.pdf", PDF)
    words = AssessmentWords("Ås", "Leder", date(2026, 11, 1), ResidualRisk.LOW, paper=paper)
    for tenant_id in (stage.tenant.id, place.roles["tenant"]):
        impact_assessment.record_assessment(stage.deps, tenant_id=tenant_id, words=words)


def _fill_in(place: Furnished) -> None:
    stage, deps, fjell = place.stage, place.stage.deps, Consumer(OrganizationNumber(FJELL))
    for who in (fjell, READS):
        offered_certificate(deps, who)
        asked = idempotency.begin_request(deps, who, "first", b"a" * 32)
        assert isinstance(asked, idempotency.IdempotentRequest)
        idempotency.finish_request(deps, who, asked, idempotency.StoredResponse(201, {}, b"{}"))
    sessions.begin_login(deps, return_to="/", locale="nb")
    answer_seal_requests(deps)
    now = deps.clock.now()
    content = seal_file(existing_key(deps.keyring, DIRECTORY), b"{}", EncryptedColumn.SEAL_CONTENT, "asked")
    with deps.database.write() as tx:
        tx.seal_requests.add(SealRequest("asked", SealKind.EXPORT, "", "", now, content))
        tx.orphans.move_sweep(None, Sweep(now))
    with as_writer(stage.database_url) as connection:
        count = {"id": "n", "account_id": stage.byggesak.id, "month": "2026-11", "cost_code": "", "notices": 1}
        connection.execute(insert(metadata.tables["notice_count"]).values(count | {"messages": 1}))
    plan_messages(deps, PLANNERS)
    checkpoints.sign_checkpoints(deps)


def take_away(place: Furnished) -> None:
    """End roles, sessions, shares and rights, by the use cases alone."""
    stage, deps, by_kari, shares = place.stage, place.stage.deps, person(KARI), place.shares
    publishing.undo_publication(deps, by_kari, shares["undone"])
    publishing.withdraw_share(deps, by_kari, shares["erased"])
    run_all(deps)
    publishing.withdraw_share(deps, by_kari, shares["revoked"])
    freezing.set_share_freeze(deps, shares["stopped"], None, FreezeReason.SECURITY)
    with deps.database.read() as tx:
        [named] = [one for one in tx.shares.recipients([shares["unnamed"]]) if one.position == 2]
    changes.remove_recipient(deps, by_kari, shares["unnamed"], named.id)
    changes.remove_document(deps, by_kari, shares["narrowed"], place.documents["narrowed"])
    changes.change_share(deps, by_kari, shares["confidential"], Change(confidential=True))
    changes.change_share(deps, by_kari, shares["over"], Change(expires_at=deps.clock.now() + SOON))
    _take_roles(place)
    rules = {"tenant_id": stage.tenant.id, "account_id": stage.byggesak.id}
    with deps.database.read() as tx:
        account = existing(tx.accounts.get(stage.byggesak.id))
    stricter = replace(account.rules, four_eyes=True)
    lifecycle.change_account_rules(deps, **rules, rules=stricter, revision=account.revision)
    place.documents["two-eyes"] = stage.upload_beside(shares["two-eyes"], "nytt.pdf", b"proposed")
    changes.change_share(deps, by_kari, shares["two-eyes"], Change(documents=(place.documents["two-eyes"],)))
    changes.add_recipients(deps, by_kari, shares["two-eyes"], [RecipientInput(SIV, confirmed=True)])
    for name in ("two-eyes", "proposed"):
        proposal = queries.view_share(deps, by_kari, shares[name]).proposal
        place.secrets[f"seen-{name}"] = existing(proposal).seen
    plan_messages(deps, PLANNERS)
    stage.clock.advance(seconds=SOON.total_seconds())
    # A living session: otherwise only an ended one could be found.
    place.secrets["living"], session_of_siv = log_in(stage, SIV)
    codes = [programs.issue_code(deps, session_of_siv, shares["narrowed"], CHALLENGE) for _ in range(2)]
    place.secrets["code"] = codes[0]
    place.secrets["program"] = programs.redeem_code(deps, shares["narrowed"], codes[1], VERIFIER).token
    checkpoints.sign_checkpoints(deps)
    heads.keep_heads(deps)
    assert deps.damage.is_empty


def _take_roles(place: Furnished) -> None:
    stage, deps, roles = place.stage, place.stage.deps, place.roles
    where = {"tenant_id": stage.tenant.id}
    account = where | {"account_id": stage.byggesak.id}
    ended = existing(sessions.find_session(deps, place.secrets["ended"]))
    sessions.end_session(deps, place.secrets["ended"], ended)
    webhooks.remove_webhook(deps, READS, roles["webhook"])
    members.remove_member(deps, **account, member_id=roles["member"])
    administrators.remove_administrator(deps, **where, administrator_id=roles["administrator"])
    operators.remove_operator(deps, operator_id=roles["operator"])
    integrations.remove_integration(deps, **account, integration_id=roles["integration"])
    deletion.delete_account(deps, **where, account_id=roles["account"], typed_name="Nedlagt")
    offboarding.offboard_tenant(deps, tenant_id=roles["tenant"], typed_name="Nedlagt kommune")
