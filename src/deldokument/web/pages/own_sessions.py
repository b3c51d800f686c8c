"""«Dine innlogginger»: the person's sessions with their programs, ending one of them, or all others."""

from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from deldokument.services.auth.own_sessions import (
    end_other_sessions,
    end_own_program,
    end_own_session,
    list_own_sessions,
)
from deldokument.services.auth.sessions import IDLE, MAX_AGE
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.rendering import render

_PATH = "/innlogginger"


def sessions_page(call: RequestContext) -> Response:
    """Show the sessions, this one first."""
    return render(
        call,
        "pages/own_sessions.html",
        sessions=list_own_sessions(call.deps, call.person),
        done=call.query("avsluttet"),
        idle_minutes=int(IDLE / timedelta(minutes=1)),
        max_hours=int(MAX_AGE / timedelta(hours=1)),
    )


def end_one(call: RequestContext) -> Response:
    """End one other session."""
    end_own_session(call.deps, call.person, call.fields.get("session", ""))
    return _redirect()


def end_program(call: RequestContext) -> Response:
    """End the access of one program."""
    end_own_program(call.deps, call.person, call.fields.get("program", ""))
    return _redirect("program")


def end_others(call: RequestContext) -> Response:
    """End all other sessions."""
    end_other_sessions(call.deps, call.person)
    return _redirect()


def _redirect(what: str = "1") -> Response:
    return RedirectResponse(f"{_PATH}?avsluttet={what}", 303)


ENDPOINTS = (
    Endpoint(_PATH, sessions_page, RequiredRole.PERSON),
    Endpoint(f"{_PATH}/avslutning", end_one, RequiredRole.PERSON, POST),
    Endpoint(f"{_PATH}/program", end_program, RequiredRole.PERSON, POST),
    Endpoint(f"{_PATH}/andre", end_others, RequiredRole.PERSON, POST),
)
