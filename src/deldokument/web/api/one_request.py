"""Route that publishes a share of small files in one request: multipart/form-data with fields and files.

Guarantees:
- A file's bytes exist only in memory and, sealed, in the store.
- An invalid form is rejected before anything is created.
"""

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from python_multipart.exceptions import FormParserError

from deldokument.domain.errors import InvalidInput, TooLarge
from deldokument.services.api.one_request_share import SmallDocument, share_at_once
from deldokument.web.api.dependencies import ApiContext
from deldokument.web.api.middleware import MAX_BODY, MAX_FILES, PREFIX
from deldokument.web.api.multipart_body import Part, read_parts
from deldokument.web.api.openapi import problems
from deldokument.web.api.share_models import Share, ShareInput
from deldokument.web.api.shares import draft_fields_of, shown

router = APIRouter(prefix="/small-shares", tags=["shares"])
MAX_DOCUMENTS = 20
# Client generators recognise bytes by the format of OpenAPI 3.0, which 3.1 permits.
_BINARY = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["share", "documents"],
                    "properties": {
                        "share": {"$ref": "#/components/schemas/ShareInput"},
                        "documents": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MAX_DOCUMENTS,
                            "items": _BINARY,
                            "description": f"Files with names; at most {MAX_FILES} bytes in total.",
                        },
                    },
                },
                "encoding": {"share": {"contentType": "application/json"}},
            }
        },
    }
}


@router.post(
    "", status_code=201, summary="Share small files in one request", responses=problems(404, 409), openapi_extra=_FORM
)
def create_small_share(call: ApiContext, request: Request, response: Response) -> Share:
    """Send one part `share`, with the fields of a new share, and one part `documents` for each file.

    The request creates everything or nothing. The share is published at once. If a member of the account must approve
    it first, it is proposed instead and `proposed` is true.
    """
    sent, documents = _read(request.headers.get("content-type", ""), call.body)
    recipients = [one.to_service() for one in sent.recipients or ()]
    share = share_at_once(call.deps, call.consumer, draft_fields_of(sent), recipients, documents, call.new_id)
    response.headers["Location"] = f"{PREFIX}/shares/{share.id}"
    return shown(call, share.id)


def _read(content_type: str, body: bytes) -> tuple[ShareInput, list[SmallDocument]]:
    """Return the share's fields and the files.

    Raises: InvalidInput, TooLarge, or RequestValidationError for the part `share`.
    """
    try:
        parts = read_parts(content_type, body)
    except (FormParserError, ValueError):
        raise InvalidInput("body", "body_malformed") from None
    words, documents = [], []
    for part in parts:
        if part.name == "share":
            words.append(part.content)
        elif part.name == "documents":
            documents.append(_document(part))
        else:
            raise RequestValidationError([{"type": "extra_forbidden", "loc": ("body", part.name)}])
    if len(words) != 1:
        raise InvalidInput("share", "field_malformed" if words else "field_missing")
    if not 1 <= len(documents) <= MAX_DOCUMENTS:
        raise InvalidInput("documents", "field_malformed" if documents else "files_missing")
    if len(words[0]) > MAX_BODY:
        raise TooLarge("body_too_large")
    return _share(words[0]), documents


def _document(part: Part) -> SmallDocument:
    if part.file_name is None:
        raise InvalidInput("documents", "file_name_missing")
    return SmallDocument(part.file_name, part.content)


def _share(content: bytes) -> ShareInput:
    try:
        return ShareInput.model_validate(json.loads(content))
    except ValidationError as error:
        faults = [{**fault, "loc": ("share", *fault["loc"])} for fault in error.errors()]
        raise RequestValidationError(faults) from None
    except (ValueError, RecursionError):
        raise InvalidInput("share", "body_malformed") from None
