"""Routes of programs that receive the documents of one share for a person. The bytes are at `Document.url`."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from deldokument.domain.shares.share import ReceiptState
from deldokument.services.auth.programs import redeem_code
from deldokument.services.downloads.confirmation import confirm_documents
from deldokument.services.downloads.offers import Offer, OfferedDocument, open_share
from deldokument.services.downloads.warnings import confirm_warnings
from deldokument.services.downloads.zip_names import unpackable_names
from deldokument.web.api.dependencies import ProgramContext
from deldokument.web.api.models import Given, Instant, Sent, Text
from deldokument.web.api.openapi import PROGRAMS, problems

router = APIRouter(prefix="/offers/{share_id}", tags=[PROGRAMS])
_MAX_IDS = 500

OfferHandling = Literal["waiting", "released", "warned", "held", "refused"]
_Id = Annotated[Text, Field(min_length=1, max_length=100)]
_Ids = Annotated[tuple[_Id, ...], Field(max_length=_MAX_IDS, strict=False)]


class CodeInput(Sent):
    """The code that the browser brought, and the verifier that the program's challenge was made from (RFC 7636)."""

    code: _Id
    verifier: _Id


class ProgramToken(Given):
    """A token for this share alone. It ends with the person's login, at `expires_at` at the latest."""

    token: str
    expires_at: Instant


class OfferDocument(Given):
    """A document as the recipient sees it.

    `path` is the name with its folders, as in the zip of all documents: safe to write below any folder, and unique.
    `sha256` and `etag` are null until the document has been read through.
    `state` is how far it has come to the person: null, `started` (partly downloaded), `sent` (downloaded) or
    `received` (confirmed).
    """

    id: str
    path: str
    length: int
    sha256: str | None
    etag: str | None
    handling: OfferHandling
    state: ReceiptState | None
    url: str


class OfferedShare(Given):
    """A share as its recipient sees it."""

    id: str
    title: str
    sender: str
    expires_at: Instant
    documents: list[OfferDocument]


class Confirmation(Sent):
    """Documents that the program has received in full, and documents whose warning the person has confirmed."""

    documents: _Ids = ()
    warnings: _Ids = ()


@router.post("/token", summary="Get a token for a code")
def get_program_token(call: ProgramContext, share_id: str, sent: CodeInput) -> ProgramToken:
    """Return a token. A code can be tried once, within a minute after the person has approved the program."""
    issued = redeem_code(call.deps, share_id, sent.code, sent.verifier)
    return ProgramToken(token=issued.token, expires_at=issued.expires_at)


@router.get("", summary="Get a share as its recipient", responses=problems(404, 410))
def get_offer(call: ProgramContext, share_id: str) -> OfferedShare:
    """Return the documents with their checksums. The share counts as opened by the person."""
    return _share_of_offer(open_share(call.deps, call.person, share_id), call.deps.config.public_url)


@router.post(
    "/confirmation", status_code=204, summary="Confirm documents, or warnings", responses=problems(404, 409, 410)
)
def confirm_offer(call: ProgramContext, share_id: str, sent: Confirmation) -> None:
    """Record that the person has received documents whose checksum the program has compared.

    Only documents of which bytes were sent can be confirmed. Each counts once, however often it is confirmed.
    """
    for document_id in sent.warnings:
        confirm_warnings(call.deps, call.person, share_id, document_id)
    if sent.documents:
        confirm_documents(call.deps, call.person, share_id, sent.documents, by_program=True)


def _share_of_offer(offer: Offer, public_url: str) -> OfferedShare:
    paths = unpackable_names([document.name for document in offer.documents])
    return OfferedShare(
        id=offer.id,
        title=offer.texts.title,
        sender=f"{offer.tenant.name}, {offer.account.name}",
        expires_at=offer.expires_at,
        documents=[
            OfferDocument(
                id=document.id,
                path=path,
                length=document.length,
                sha256=(document.finding and document.finding.sha256) or None,
                etag=(document.finding and document.finding.etag) or None,
                handling=_handling(document),
                state=document.receipt.state if document.receipt else None,
                url=f"{public_url}/d/{offer.id}/dokument/{document.id}",
            )
            for document, path in zip(offer.documents, paths, strict=True)
        ],
    )


def _handling(document: OfferedDocument) -> OfferHandling:
    finding = document.finding
    if finding is None:
        return "waiting"
    if finding.is_held:
        return "held"
    if not finding.is_released:
        return "refused"
    return "warned" if document.needs_warning else "released"
