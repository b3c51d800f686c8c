"""Report of a share for its sharers: facts, signature and sealed PDF.

Guarantees:
- A report can be requested from the publication until the end of the retention period. Nothing is stored for it.
- Recipients and readers are masked. Full numbers need the same right as in KS' interface, and are recorded.
- Colleagues are named to members only, not to systems. Persons who were refused are not in it.
- No report is signed if one of its rows was changed outside the service.
- Everything is read in one transaction, so the facts and the chain agree.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deldokument.domain.audit import BY_OPERATORS, BY_RECIPIENTS, AuditEvent, EventKind
from deldokument.domain.chain import Mark
from deldokument.domain.errors import Conflict, NotFound, existing
from deldokument.domain.identifiers import Consumer, Sharer
from deldokument.domain.messages.outbox import is_about_other_message
from deldokument.domain.shares.report import (
    SEAL,
    ReportDocument,
    ReportEvent,
    ReportReceipt,
    ReportRecipient,
    ShareReport,
    digests,
    statement,
)
from deldokument.domain.shares.share import Share
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.documents import RenderedDocument
from deldokument.services.audit.actors import Actor, Actors
from deldokument.services.audit.checkpoints import fingerprint
from deldokument.services.shares.display.disclosure import full_numbers
from deldokument.services.shares.display.views import DocumentView, RecipientView, share_view
from deldokument.services.shares.rights.authorization import share_for_reading
from deldokument.store.audit.audit import EventFilter
from deldokument.store.transaction import Transaction

MAX_EVENTS = 10_000
"""Maximum number of events read for a report, the newest. Anybody with the link can add events while it is open."""
UNLISTED: Final = frozenset({EventKind.SHARE_DENIED, EventKind.ROW_DAMAGED})
"""Events of a share that no report has."""


@dataclass(frozen=True, slots=True)
class _ChainFacts:
    """The events of a share, whether earlier ones are left out, and the last event of their chain.

    ``are_own``: none of them is forged.
    """

    events: tuple[ReportEvent, ...]
    are_left_out: bool
    last: Mark
    are_own: bool


def share_report(deps: Dependencies, sharer: Sharer, share_id: str, *, with_full_numbers: bool = False) -> ShareReport:
    """Return the report of a published share, as of now.

    Raises: NotFound, also for a draft; RightMissing if the sharer does not get full numbers.
    """
    before = deps.damage.findings
    numbers = full_numbers(deps, sharer, share_id) if with_full_numbers else {}
    with deps.database.read() as tx:
        share = share_for_reading(deps, tx, sharer, share_id)
        if share.published_at is None:
            raise NotFound("report")
        names_members = not isinstance(sharer, Consumer)
        view, facts = share_view(deps, tx, share), _facts(deps, tx, share, names_members=names_members)
    destroyed = [one for one in facts.events if one.event.kind is EventKind.SHARE_KEY_DESTROYED]
    return ShareReport(
        made_at=deps.clock.now(),
        service=deps.config.public_url,
        has_full_numbers=with_full_numbers,
        chain=share.tenant_id,
        last=facts.last,
        tenant_number=view.tenant.organization_number,
        tenant_name=view.tenant.name,
        account=view.account.name,
        share_id=share.id,
        title=view.texts.title,
        reference=view.texts.reference,
        confidential=share.confidential,
        sharer=view.system or (view.sharer if names_members else ""),
        state=view.share.state.value,
        published_at=share.published_at,
        expires_at=existing(share.expires_at),
        closed_at=share.closed_at,
        recipients=tuple(_recipient(one, numbers) for one in (*view.recipients, *view.removed_recipients)),
        documents=tuple(_document(one, facts.events) for one in (*view.documents, *view.removed_documents)),
        events=facts.events,
        events_left_out=facts.are_left_out,
        key_destroyed=destroyed[-1] if destroyed else None,
        is_proven=facts.are_own and deps.damage.findings == before,
    )


def signed_report(deps: Dependencies, report: ShareReport) -> dict[str, Any]:
    """Return the report as JSON values with the service's seal.

    Raises: Conflict if it is not ``is_proven``; Unavailable.
    """
    _must_be_proven(report)
    certificate = deps.signer.certificate()
    content = report.content(certificate.decode("ascii"))
    parts = digests(content)
    signature = base64.b64encode(deps.signer.sign(statement(parts))).decode("ascii")
    return content | {SEAL: {"parts": parts, "certificate": fingerprint(certificate), "signature": signature}}


def report_file(deps: Dependencies, report: ShareReport) -> bytes:
    """Return the signed report as a file in JSON. Raises: as ``signed_report``."""
    return json.dumps(signed_report(deps, report), ensure_ascii=False, indent=2).encode()


def sealed_report(deps: Dependencies, report: ShareReport, paper: RenderedDocument) -> bytes:
    """Return the report's text as a sealed PDF. Raises: as ``signed_report``."""
    _must_be_proven(report)
    return deps.signer.seal(
        deps.renderer.pdf(paper), reason=paper.title, location=deps.config.operator.name, at=report.made_at
    )


def _must_be_proven(report: ShareReport) -> None:
    """Raise Conflict for facts that were changed outside the service. Reading them has raised an alarm."""
    if not report.is_proven:
        raise Conflict("records_unproven")


def _recipient(view: RecipientView, numbers: Mapping[str, str]) -> ReportRecipient:
    opened = [ReportReceipt("opened", one.at, one.person) for one in view.openings]
    loads = [
        ReportReceipt(one.state.value, one.at, one.person, one.document_id, one.is_whole) for one in view.downloads
    ]
    receipts = sorted((*opened, *loads), key=lambda receipt: receipt.at)
    number = numbers.get(view.id, view.display)
    return ReportRecipient(view.id, view.kind, number, view.name, view.label, tuple(receipts), view.removed_at)


def _document(view: DocumentView, events: Sequence[ReportEvent]) -> ReportDocument:
    """Return the document with its last verdict, from the events, which outlive the inspection record."""
    found = [one.event for one in events if _is_inspection(one.event, view.id)]
    last = found[-1] if found else None
    return ReportDocument(
        id=view.id,
        name=view.name,
        length=view.length,
        sha256=view.sha256 or None,
        verdict=str((last.details or {})["verdict"]) if last else None,
        examined_at=last.at if last else None,
        removed_at=view.removed_at,
    )


def _is_inspection(event: AuditEvent, document_id: str) -> bool:
    return event.kind is EventKind.DOCUMENT_INSPECTED and (event.details or {}).get("document") == document_id


def _facts(deps: Dependencies, tx: Transaction, share: Share, *, names_members: bool) -> _ChainFacts:
    stored = tx.audit.newest(EventFilter(share.tenant_id, share_id=share.id), before=None, limit=MAX_EVENTS)
    head = tx.audit.head(share.tenant_id)
    end = tx.audit.following(share.tenant_id, after=head.number - 1, last_number=head.number, limit=1)
    are_own = [Mark(one.number, one.hash) for one in end] == [head] and tx.audit.are_own([*end, *stored])
    listed = [one for one in reversed(stored) if _is_listed(one.event)]
    actors = Actors(deps, share.tenant_id).behind(tx, [one.event for one in listed])
    events = tuple(
        ReportEvent(
            one.event, Mark(one.number, one.hash), one.previous, _who(one.event, actor, names_members=names_members)
        )
        for one, actor in zip(listed, actors, strict=True)
    )
    return _ChainFacts(events, len(stored) == MAX_EVENTS, head, are_own)


def _is_listed(event: AuditEvent) -> bool:
    return event.kind not in UNLISTED and not is_about_other_message(event)


def _who(event: AuditEvent, actor: Actor | None, *, names_members: bool) -> str:
    """Return a colleague's or a system's name, or a recipient's masked number; operators are not named."""
    if actor is None or event.kind in BY_OPERATORS:
        return ""
    if event.kind in BY_RECIPIENTS:
        return actor.masked
    is_member = event.subject_id is not None
    return "" if is_member and not names_members else actor.name or actor.masked
