"""The demo's page: its people, and an adjustable clock. Never part of another deployment."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import InvalidInput
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.errors import StalePage
from deldokument.web.http.responses.i18n import _
from deldokument.web.http.responses.rendering import render

_STEPS = {"1": timedelta(hours=1), "24": timedelta(days=1), "744": timedelta(days=31), "10000": timedelta(hours=10000)}


@dataclass(frozen=True, slots=True)
class CastEntry:
    """Person or organisation of the demo."""

    name: str
    number: str
    role: str


@dataclass(frozen=True, slots=True)
class Place:
    """Address of a page that shows messages of the demo."""

    label: str
    url: str


NOTICES = _("Notices to recipients")
LETTERS = _("E-mail to those who share and administer")


@dataclass(frozen=True, slots=True)
class Demo:
    """Content and functions of the page. ``offset`` returns how far ahead the clock is, ``advance`` moves it."""

    people: tuple[CastEntry, ...]
    organizations: tuple[CastEntry, ...]
    offset: Callable[[], timedelta]
    advance: Callable[[timedelta], None]
    places: tuple[Place, ...] = ()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the demo's routes."""
        token = secrets.token_urlsafe(16)

        def show(call: RequestContext) -> Response:
            offset = self.offset()
            return render(
                call,
                "pages/demo.html",
                people=self.people,
                organizations=self.organizations,
                places=[(call.translator.text(place.label), place.url) for place in self.places],
                clock_offset=call.translator.span(offset) if offset else "",
                demo_token=token,
            )

        def advance(call: RequestContext) -> Response:
            if not secrets.compare_digest(call.fields.get("demo_token", "").encode(), token.encode()):
                raise StalePage
            step = _STEPS.get(call.fields.get("hours", ""))
            if step is None:
                raise InvalidInput("hours", "body_malformed")
            self.advance(step)
            return RedirectResponse("/demo", 303)

        return (
            Endpoint("/demo", show, RequiredRole.ANYONE),
            Endpoint("/demo/klokke", advance, RequiredRole.ANYONE, POST, own_token=True),
        )
