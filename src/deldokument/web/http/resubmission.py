"""Resubmission of a form whose session has ended, or whose token is from an earlier session.

    no session        a page that says so and keeps the input; log in in another tab, then send again
    earlier token     a page that keeps the input, with a fresh token; sent when the person confirms

Guarantees:
- Only forms from our own pages are kept, according to the browser's headers (Origin, or Sec-Fetch-Site without it). So
  no other site can have its fields sent by a click here.
- Input of one person is neither shown to nor sent by another person who has logged in since. The token identifies the
  form's owner.
- The input is only in the page: in no URL, log or database.
- Forms from people without a session are read up to 64 KiB, within half a minute, and few at a time.

Files are not kept, and must be chosen again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from deldokument.domain.errors import NotReady
from deldokument.web.http.request import RequestContext
from deldokument.web.http.requests.media_type import media_type_of
from deldokument.web.http.responses.rendering import render

MAX_KEPT_BODY = 64 * 1024
MAX_READ_AT_ONCE = 16
"""Forms of people without a session that a process reads at once: a request can claim to come from our page."""
READ_SECONDS = 30.0
_TOKEN = "csrf_token"  # noqa: S105 - the name of a field


class ReadLimit:
    """Limit on concurrent reading of forms from people without a session. Use it on the event loop only."""

    def __init__(self) -> None:
        self._reading = 0

    @asynccontextmanager
    async def one_more(self) -> AsyncIterator[None]:
        """Count a form while it is read.

        Raises: NotReady if too many are being read; ClientDisconnect if it takes too long.
        """
        if self._reading >= MAX_READ_AT_ONCE:
            raise NotReady("busy", detail="all forms of people without a session that may be read at once")
        self._reading += 1
        try:
            async with asyncio.timeout(READ_SECONDS):
                yield
        except TimeoutError:
            raise ClientDisconnect from None
        finally:
            self._reading -= 1


def is_from_own_page(request: Request, public_url: str) -> bool:
    """Return whether, according to the browser, a page of this site sent the request."""
    origin = request.headers.get("origin")
    return origin == public_url if origin is not None else request.headers.get("sec-fetch-site") == "same-origin"


def may_be_sent_again(call: RequestContext) -> bool:
    """Return whether the form is from one of our pages, and not from another person than the session's."""
    is_ours = bool(call.fields) and is_from_own_page(call.request, call.site.public_url)
    return is_ours and (call.session is None or _owner_tag(call.session.csrf_token) == _owner_tag(_token_of(call)))


def _token_of(call: RequestContext) -> str:
    return call.fields.get(_TOKEN, "")


def _owner_tag(token: str) -> str:
    return token.rpartition(".")[2]


def typed_in(call: RequestContext) -> dict[str, str]:
    """Return the fields of the form, without the CSRF token."""
    return {name: value for name, value in call.fields.items() if name != _TOKEN}


def resend_page(call: RequestContext) -> Response:
    """Return a page that keeps the form's input, to be sent again.

    With a session it has a fresh token; without one the person must log in first.
    """
    status = 403 if call.session else 401
    # Without a session the old token is kept. It gives no access, but identifies the form's owner.
    token = call.session.csrf_token if call.session else _token_of(call)
    # The same encoding as received, because the other one could make a long text exceed the limit of a form.
    kind = media_type_of(call.request)
    encoding = kind if kind == "multipart/form-data" else "application/x-www-form-urlencoded"
    files = bool(call.files)
    return render(
        call, "http/resubmission.html", status=status, typed=typed_in(call), files=files, encoding=encoding, token=token
    )
