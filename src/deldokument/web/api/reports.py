"""Route for the report of a share, as signed JSON or sealed PDF."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from deldokument.services.shares.display.report import report_file, sealed_report, share_report
from deldokument.web.api.dependencies import ApiContext
from deldokument.web.api.openapi import problems
from deldokument.web.http.requests.media_type import JSON, preferred_type
from deldokument.web.http.responses.i18n import Translator, choose
from deldokument.web.http.responses.report_document import report_document
from deldokument.web.transfer.downloads import attachment

router = APIRouter(prefix="/shares/{share_id}", tags=["reports"])
PDF: Final = "application/pdf"
_LISTS: Final = ("recipients", "documents", "events")
_PARTS: Final[dict[str, dict[str, Any]]] = {
    "format": {"type": "string"},
    "version": {"type": "integer"},
    "final": {"type": "boolean"},
    **{name: {"type": "object"} for name in ("share", "seal")},
    **{name: {"type": "array", "items": {"type": "object"}} for name in _LISTS},
}
_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "description": "The report with its seal; audit.md describes each part.",
                    "properties": _PARTS,
                    "required": list(_PARTS),
                }
            },
            PDF: {"schema": {"type": "string", "contentMediaType": PDF}},
        }
    }
}
_FULL_NUMBERS = "Recipients' numbers in full. The account's rules must allow it, and the event log shows it."


@router.get("/report", summary="Get the report of a share", response_class=Response, responses=_FILES | problems(404))
def get_report(
    call: ApiContext,
    request: Request,
    share_id: str,
    full_numbers: Annotated[bool, Query(description=_FULL_NUMBERS)] = False,
) -> Response:
    """Return the report as it is now; it is final when the share key is destroyed. A draft has none.

    If `Accept` prefers `application/pdf`, it is a sealed PDF, in the language of `Accept-Language`.
    """
    report = share_report(call.deps, call.consumer, share_id, with_full_numbers=full_numbers)
    if preferred_type(request.headers.get("accept", ""), (JSON, PDF)) == JSON:
        content = report_file(call.deps, report)
        return Response(content, headers=attachment("rapport.json"), media_type=JSON)
    translator = Translator(choose(None, request.headers.get("accept-language", "")))
    sealed = sealed_report(call.deps, report, report_document(report, translator))
    return Response(sealed, headers=attachment("rapport.pdf"), media_type=PDF)
