"""The deletion record as a document (sletteprotokoll): a PDF in bokmål with the service's seal.

Guarantees:
- The document contains exactly the record.
- It is issued only after the contents have been deleted, and only if the event log proves that.

The PDF is rendered for each request, from the events.
"""

from datetime import datetime

from deldokument.domain.errors import Conflict
from deldokument.domain.norwegian_time import OSLO
from deldokument.domain.tenants.agreement import escape
from deldokument.domain.tenants.offboarding import DeletionState
from deldokument.ports.dependencies import Dependencies
from deldokument.ports.documents import RenderedDocument
from deldokument.services.tenants.deletion_record import DeletionRecord, deletion_record

_TITLE = "Sletteprotokoll"
_VERSION = "1.0"
_TEXT = """\
# Sletteprotokoll

**Virksomhet:** {tenant}, organisasjonsnummer {number}

**Tjeneste:** Del dokument

**Leverandør:** {operator}

## Avslutningen

{who} avsluttet tjenesten {ended_at} (norsk tid). I samme øyeblikk ble alle åpne delinger trukket tilbake, alle utkast
forkastet, og alle brukere og fagsystemer mistet tilgangen. Avslutningen kan ikke angres.

## Det virksomheten hadde i tjenesten da

| Hva | Antall |
|---|---|
| Kontoer | {accounts} |
| Brukere på kontoene | {members} |
| Åpne delinger | {open_shares} |
| Utkast | {drafts} |
| Dokumenter som ikke var slettet | {documents} |
| Samlet størrelse på dokumentene | {stored_bytes} byte |

## Det som er slettet

| Hva | Antall | Når |
|---|---|---|
| Nøkler til delinger | {destroyed_keys} | {keys_destroyed_at} |
| Kryptert innhold i lageret | alt | {contents_deleted_at} |

Hver deling var kryptert med sin egen nøkkel. Da nøkkelen ble ødelagt, ble dokumentene og meldingen i delingen
uleselige overalt, også i sikkerhetskopier. Deretter ble det krypterte innholdet slettet fra lageret. Delinger som
allerede var avsluttet, har fått nøkkelen ødelagt og innholdet slettet på samme måte da de ble avsluttet.

## Navn og identifikatorer

{names}

Det omfatter navn og fødselsnummer på brukere, administratorer, mottakere og andre personer i hendelsesloggen, titler,
filnavn og saksnummer, kontaktopplysninger, og virksomhetens konsekvensvurderinger og avtaler slik de ligger i
tjenesten.

Det som blir stående, er virksomhetens navn og organisasjonsnummer, navnene på kontoene og på virksomhetene som hadde
fagsystemer med tilgang til dem, hvilke avtaler som var signert når, tidspunkter og antall, og hendelsesloggen uten
opplysninger om hvem personene var.

## Om protokollen

Protokollen er laget av tjenesten og forseglet med tjenestens sertifikat. Seglet viser om noe er endret etterpå.
"""


def deletion_paper(deps: Dependencies, *, tenant_id: str) -> bytes:
    """Return the PDF.

    Raises: NotFound; Conflict while contents are left, or if the record is not ``is_proven``; Unavailable if it cannot
    be sealed.
    """
    deleted = deletion_record(deps, tenant_id=tenant_id)
    if not deleted.is_proven:
        raise Conflict("records_unproven")
    at = deleted.contents_deleted_at
    if at is None:
        raise Conflict("deletion_under_way")
    paper = RenderedDocument(_words(deps, deleted, at), _TITLE, _VERSION, at)
    return deps.signer.seal(
        deps.renderer.pdf(paper), reason=_TITLE, location=deps.config.operator.name, at=deps.clock.now()
    )


def _words(deps: Dependencies, deleted: DeletionRecord, contents_deleted_at: datetime) -> str:
    tenant, held, until = deleted.tenant, deleted.held, f"{deleted.names_until.astimezone(OSLO):%d.%m.%Y}"
    erased = f"Navn og identifikatorer ble slettet {until}."
    to_come = f"Navn og identifikatorer slettes {until}, når lagringstiden er over."
    return _TEXT.format(
        tenant=escape(tenant.name),
        number=tenant.organization_number,
        operator=escape(deps.config.operator.name),
        who=escape(deleted.ended_by) or "Virksomheten",
        ended_at=_at(deleted.ended_at),
        accounts=_number(held.accounts),
        members=_number(held.members),
        open_shares=_number(held.open_shares),
        drafts=_number(held.drafts),
        documents=_number(held.documents),
        stored_bytes=_number(held.stored_bytes),
        destroyed_keys=_number(deleted.destroyed_keys),
        keys_destroyed_at=f"Den siste {_at(deleted.keys_destroyed_at)}" if deleted.keys_destroyed_at else "Ingen igjen",
        contents_deleted_at=_at(contents_deleted_at),
        names=erased if deleted.state is DeletionState.NAMES_ERASED else to_come,
    )


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(OSLO):%d.%m.%Y kl. %H.%M}"


def _number(count: int) -> str:
    return f"{count:,}".replace(",", "\N{NO-BREAK SPACE}")
