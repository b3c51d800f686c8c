"""Export of a tenant's data: its shares with receipts, its signed agreements, and the files of its assessments.

Guarantees:
- Memory is constant for any number of shares: they are read page by page.
- Every export is recorded before its first byte is sent.
- Persons' numbers are masked.
- The contents of documents and messages are not included.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import require
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.domain.tenants.tenancy import Tenant
from deldokument.ports.dependencies import Dependencies
from deldokument.services.agreements.impact_assessment import list_assessments, open_paper
from deldokument.services.agreements.status import agreements_of, main_agreement_copy, signed_pdf
from deldokument.services.audit.recording import record_event
from deldokument.services.downloads.zip_names import unpackable_names
from deldokument.services.shares.display.views import ShareView, views_and_damaged
from deldokument.store.shares.shares import ShareFilter

_PAGE = 50


@dataclass(frozen=True, slots=True)
class ExportedPaper:
    """A signed agreement, or the file of an assessment, with its name in the export."""

    name: str
    content: bytes = field(repr=False)


def begin_export(deps: Dependencies, *, tenant_id: str, person: PersonIdentifier | None = None) -> Tenant:
    """Record an export of the tenant's data; return the tenant. Raises: NotFound."""
    with deps.database.write() as tx:
        tenant = require(tx.tenants.get(tenant_id), "tenant")
        record_event(deps, tx, EventKind.TENANT_EXPORTED, tenant_id=tenant_id, person=person)
    return tenant


def exported_shares(deps: Dependencies, *, tenant_id: str) -> Iterator[ShareView]:
    """Yield the tenant's shares that still have names, including drafts: account by account, newest first."""
    with deps.database.read() as tx:
        accounts = tx.accounts.of_tenant(tenant_id)
    for account in accounts:
        if not account.intact:
            continue
        wanted: ShareFilter | None = ShareFilter((account.id,), limit=_PAGE)
        while wanted is not None:
            page, wanted = _page(deps, wanted)
            yield from page


def _page(deps: Dependencies, wanted: ShareFilter) -> tuple[list[ShareView], ShareFilter | None]:
    """Return one page, read in its own transaction, and the filter for the next one; None after the last."""
    with deps.database.read() as tx:
        shares = tx.shares.find(wanted)
        page, _ = views_and_damaged(deps, tx, shares, with_content=False)
    is_last = len(shares) < _PAGE
    return page, None if is_last else replace(wanted, before=(shares[-1].created_at, shares[-1].id))


def exported_papers(deps: Dependencies, *, tenant_id: str) -> Iterator[ExportedPaper]:
    """Yield signed agreements and the files of assessments, one at a time.

    Their names are unique and valid on any system.
    """
    agreements, number = agreements_of(deps, tenant_id=tenant_id), count(1)
    for main in agreements.mains:
        copy = main_agreement_copy(deps, tenant_id=tenant_id, agreement_id=main.agreement.id)
        yield ExportedPaper(f"{next(number):02}-hovedavtale-{main.agreement.version}.pdf", copy)
    for service in agreements.services:
        agreement, pdf = signed_pdf(deps, tenant_id=tenant_id, agreement_id=service.agreement.id)
        yield ExportedPaper(f"{next(number):02}-tjenesteavtale-{agreement.version}.pdf", pdf)
    for assessment in list_assessments(deps, tenant_id=tenant_id):
        if assessment.file_name:
            view, content = open_paper(deps, tenant_id=tenant_id, assessment_id=assessment.id)
            # Its number makes the name unique.
            [name] = unpackable_names([f"{next(number):02}-dpia-{view.done_on}-{view.file_name}"])
            yield ExportedPaper(name, content)
