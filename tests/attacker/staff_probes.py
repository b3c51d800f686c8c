"""What staff and those who share are shown: their pages give papers, and have no errors but those of damage."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from deldokument.adapters.documents.signing import verify_signature
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts import integrations, lifecycle, members, statistics
from deldokument.services.agreements import impact_assessment, signing, status, texts
from deldokument.services.audit import browsing, export, heads, restores
from deldokument.services.audit.verification import verify_trail
from deldokument.services.maintenance import lag
from deldokument.services.notifications import webhooks
from deldokument.services.shares.display import history, report
from deldokument.services.tenants import administrators, operators, registration
from deldokument.services.tenants import export as tenant_export
from deldokument.services.tenants.deletion_record import deletion_record
from deldokument.services.tenants.setup_checklist import setup_checklist
from deldokument.store.audit.audit import EventFilter
from deldokument.store.engine.integrity import ChainsBehind
from tests.attacker.furnished import Furnished
from tests.support.browser import EWA
from tests.support.deployment.systems import SYSTEM
from tests.support.stage.stage import KARI, person

Ask = Callable[[Dependencies], object]


def _shown(ask: Ask, deps: Dependencies) -> Iterator[str]:
    ask(deps)
    yield from ()


def _papers(tenant_id: str, deps: Dependencies) -> Iterator[str]:
    for paper in tenant_export.exported_papers(deps, tenant_id=tenant_id):
        yield paper.content.hex()


def staff_probes(place: Furnished) -> dict[str, Callable[[Dependencies], Iterator[str]]]:
    """The probes by their names. Those of lists and pages give no facts: other probes ask for the content."""
    tenants = {"tenant": place.stage.tenant.id, "ended tenant": place.roles["tenant"]}
    asked = {f"{name} of {of}": ask for of, one in tenants.items() for name, ask in _of_tenant(one).items()}
    asked |= _of_account(place) | _of_service(place)
    papers = {f"papers of {of}": partial(_papers, one) for of, one in tenants.items()}
    return {name: partial(_shown, ask) for name, ask in asked.items()} | papers


def _of_tenant(tenant_id: str) -> dict[str, Ask]:
    where: dict[str, Any] = {"tenant_id": tenant_id}
    log = EventFilter(tenant_id)
    return {
        "administrators": partial(administrators.list_administrators, **where),
        "accounts": partial(lifecycle.list_accounts, **where),
        "agreements": partial(status.agreements_of, **where),
        "assessments": partial(impact_assessment.list_assessments, **where),
        "checklist": partial(setup_checklist, **where),
        "statistics": partial(statistics.tenant_statistics, tenant_id=tenant_id),
        "choices": partial(statistics.statistics_choices, tenant_id=tenant_id),
        "changed texts": partial(texts.changes_to_sign, **where),
        "deletions": partial(deletion_record, **where),
        "shares": lambda deps: list(tenant_export.exported_shares(deps, **where)),
        "event log": partial(browsing.open_log, **where, person=person(EWA)),
        "exported log": lambda deps: list(
            export.export_lines(deps, export.begin_event_export(deps, wanted=log, form="json"))
        ),
    }


def _of_account(place: Furnished) -> dict[str, Ask]:
    ids, share_id = place.victims.ids, place.shares["available"]
    account: dict[str, Any] = {"tenant_id": ids["tenant_id"], "account_id": ids["account_id"]}
    return {
        "account": partial(lifecycle.show_account, **account),
        "members": partial(members.list_members, **account),
        "member": partial(members.show_member, **account, member_id=ids["member_id"]),
        "integration": partial(integrations.show_integration, **account, integration_id=ids["integration_id"]),
        "webhooks": partial(webhooks.webhooks_of_account, **account),
        "deliveries": lambda deps: webhooks.list_deliveries(deps, SYSTEM, ids["webhook_id"]),
        "history": lambda deps: history.share_history(deps, person(KARI), share_id),
        "report": lambda deps: report.report_file(deps, report.share_report(deps, person(KARI), share_id)),
    }


def _of_service(place: Furnished) -> dict[str, Ask]:
    signed = {"tenant_id": place.stage.tenant.id, "intent_id": place.secrets["intent"]}
    return {
        "operators": operators.list_operators,
        "tenants": registration.list_tenants,
        "texts": texts.list_texts,
        "signing": partial(signing.show_signing, **signed),
        "restores": restores.restored_chains,
        "verification": lambda deps: verify_trail(deps, certificates=(), is_signed=verify_signature),
        "kept heads": _compare,
        "monitoring": lag.measure_lag,
    }


def _compare(deps: Dependencies) -> object:
    """As the worker, but nothing is held back for what is found."""
    apart = replace(deps, behind=ChainsBehind())
    return heads.compare_heads(apart), heads.patrol_removals(apart)
