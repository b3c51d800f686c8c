"""A form that comes after its session has ended, or with the token of an earlier one: nothing typed is lost.

    no session        a page that says so and holds what was typed; log in in another tab, then send again
    a token of before a page that holds what was typed and a fresh token; it is sent when the person says so

Promises that nothing is made into a form of ours but what a page of ours has sent, as the browser itself says (Origin,
or Sec-Fetch-Site where there is none), so that no other site can have its fields sent by a click here; that what one
person has typed, confirmed or looked through is neither shown to nor sent by another who has logged in there since (the
token says whose form it was); and that what was typed stands in the page alone: in no address, no log, no store. Files
are not carried; they are chosen again.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from deldokument.web.http.media_type import media_type_of
from deldokument.web.http.rendering import render
from deldokument.web.http.request import RequestContext

_TOKEN = "csrf_token"  # noqa: S105 - the name of a field


def is_from_own_page(request: Request, public_url: str) -> bool:
    """Whether the browser says that a page of this site has sent the request."""
    origin = request.headers.get("origin")
    return origin == public_url if origin is not None else request.headers.get("sec-fetch-site") == "same-origin"


def may_be_sent_again(call: RequestContext) -> bool:
    """Whether it is a form of one of our pages, and not of another person than has logged in since."""
    is_ours = bool(call.fields) and is_from_own_page(call.request, call.site.public_url)
    return is_ours and (call.session is None or _owner_tag(call.session.csrf_token) == _owner_tag(_token_of(call)))


def _token_of(call: RequestContext) -> str:
    return call.fields.get(_TOKEN, "")


def _owner_tag(token: str) -> str:
    return token.rpartition(".")[2]


def typed_in(call: RequestContext) -> dict[str, str]:
    """The fields of the form, without the token."""
    return {name: value for name, value in call.fields.items() if name != _TOKEN}


def resend_page(call: RequestContext) -> Response:
    """What was typed, to be sent again: after a login, or, for whoever has logged in since, with a fresh token."""
    status = 403 if call.session else 401
    # Without a session the old token stays: not to be let in by it, but to tell whose form it is.
    token = call.session.csrf_token if call.session else _token_of(call)
    # In the encoding that it came in: the other one makes a long text longer than a form may be.
    kind = media_type_of(call.request)
    encoding = kind if kind == "multipart/form-data" else "application/x-www-form-urlencoded"
    files = bool(call.files)
    return render(
        call, "http/resubmission.html", status=status, typed=typed_in(call), files=files, encoding=encoding, token=token
    )
