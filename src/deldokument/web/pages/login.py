"""Login and logout in a browser: cookies, the provider's answer, and the next page.

Guarantees:
- The session cookie is HttpOnly and SameSite=Lax. Over HTTPS its name binds it to the host.
- Every login creates a new session id.
- The answer to a login is accepted only in the browser that began it, in any tab.
- ``neste`` never leads to another site.
- A logout message from the provider needs no cookie. The response does not reveal whether there was a session.
"""

from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import LoginFailed, Unavailable
from deldokument.services.auth.sessions import (
    begin_login,
    complete_login,
    end_by_back_channel,
    end_by_front_channel,
    end_session,
)
from deldokument.web.http.request import (
    LANGUAGE_COOKIE,
    POST,
    Endpoint,
    ErrorFormat,
    RequestContext,
    RequiredRole,
    destination,
    safe_return,
)
from deldokument.web.http.requests.devices import device_of
from deldokument.web.http.responses.i18n import LANGUAGES, choose_for_login
from deldokument.web.http.responses.rendering import CSP, render
from deldokument.web.pages.admin.agreements import signing_answer

_LOGIN_SECONDS = 15 * 60
_LANGUAGE_SECONDS = 365 * 24 * 3600
_LOGIN_THREADS = 8
"""Logins that one process begins, and completes, at a time. ID-porten usually answers in a tenth of a second."""
_LOGOUT_THREADS = 4


def log_in(call: RequestContext) -> Response:
    """Send the browser to the provider, on behalf of the public body with the number in ``for``.

    With ``ny=1`` the provider asks for the electronic ID even if the person is logged in there.
    """
    started = begin_login(
        call.deps,
        return_to=destination(call.query("neste") or "/"),
        locale=choose_for_login(
            call.request.cookies.get(LANGUAGE_COOKIE), call.request.headers.get("accept-language", "")
        ),
        organization_number=call.query("for"),
        browser_secret=call.request.cookies.get(call.site.login_cookie, ""),
        fresh=call.query("ny") == "1",
    )
    response = RedirectResponse(started.url, 303)
    response.set_cookie(
        call.site.login_cookie,
        started.browser_secret,
        max_age=_LOGIN_SECONDS,
        httponly=True,
        samesite="lax",
        secure=call.site.secure,
    )
    return response


def logged_in(call: RequestContext) -> Response:
    """Handle the provider's answer to a login or a signature."""
    answered = signing_answer(call)
    if answered is not None:
        return answered
    done = complete_login(
        call.deps,
        dict(call.request.query_params),
        browser_secret=call.request.cookies.get(call.site.login_cookie, ""),
        previous_secret=call.request.cookies.get(call.site.session_cookie),
        device=device_of(call.request.headers.get("user-agent", "")),
    )
    response = RedirectResponse(safe_return(done.return_to), 303)
    response.set_cookie(
        call.site.session_cookie, done.session_secret, httponly=True, samesite="lax", secure=call.site.secure
    )
    return response


def log_out(call: RequestContext) -> Response:
    """End the session here, then at the provider. It ends here even if the provider does not answer."""
    secret = call.request.cookies.get(call.site.session_cookie, "")
    try:
        form = end_session(call.deps, secret, call.person)
    except Unavailable:
        response: Response = RedirectResponse("/logget-ut", 303)
    else:
        call.session = None
        response = render(call, "pages/login/logging_out.html", form=form)
        target = urlsplit(form.action)
        # The only page whose form is sent to another site: to the provider, which sends the browser back here.
        response.headers["Content-Security-Policy"] = f"{CSP}; form-action 'self' {target.scheme}://{target.netloc}"
    for name in (call.site.session_cookie, call.site.login_cookie):
        response.delete_cookie(name, httponly=True, samesite="lax", secure=call.site.secure)
    return response


def front_channel_logout(call: RequestContext) -> Response:
    """End a session by front-channel logout: the provider's page frames this response.

    OpenID Connect Front-Channel Logout 1.0.
    """
    try:
        framers = end_by_front_channel(call.deps, issuer=call.query("iss"), provider_session_id=call.query("sid"))
    except LoginFailed:
        return Response(status_code=400)
    policy = f"default-src 'none'; frame-ancestors {' '.join(framers)}"
    return Response(headers={"Content-Security-Policy": policy})


def back_channel_logout(call: RequestContext) -> Response:
    """End a session by back-channel logout: the provider posts a signed token.

    OpenID Connect Back-Channel Logout 1.0.
    """
    try:
        end_by_back_channel(call.deps, call.fields.get("logout_token", ""))
    except LoginFailed:
        return Response(status_code=400)
    return Response()


def logged_out(call: RequestContext) -> Response:
    """Show the page after logout."""
    return render(call, "pages/login/logged_out.html")


def logged_in_again(call: RequestContext) -> Response:
    """Show the page after a login in another tab, so that work in the first tab can continue."""
    return render(call, "pages/login/logged_in.html")


def choose_language(call: RequestContext) -> Response:
    """Store the language in a cookie that contains nothing else."""
    language = call.path("language")
    response = RedirectResponse(safe_return(call.query("neste") or "/"), 303)
    if language in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, language, max_age=_LANGUAGE_SECONDS, httponly=True, samesite="lax", secure=call.site.secure
        )
    return response


ENDPOINTS = (
    Endpoint("/logg-inn", log_in, RequiredRole.ANYONE, own_threads=_LOGIN_THREADS),
    # Separate threads: a flood of new logins must not keep others from being completed.
    Endpoint("/logg-inn/svar", logged_in, RequiredRole.ANYONE, own_threads=_LOGIN_THREADS),
    Endpoint("/logget-inn", logged_in_again, RequiredRole.PERSON),
    Endpoint("/logg-ut", log_out, RequiredRole.PERSON, POST),
    Endpoint(
        "/logg-ut/frontkanal",
        front_channel_logout,
        RequiredRole.ANYONE,
        answer=ErrorFormat.BYTES,
        own_threads=_LOGOUT_THREADS,
    ),
    # The token in the body authenticates the provider, which has no session here.
    Endpoint(
        "/logg-ut/bakkanal",
        back_channel_logout,
        RequiredRole.ANYONE,
        POST,
        ErrorFormat.BYTES,
        own_token=True,
        own_threads=_LOGOUT_THREADS,
    ),
    Endpoint("/logget-ut", logged_out, RequiredRole.ANYONE),
    Endpoint("/sprak/{language}", choose_language, RequiredRole.ANYONE),
)
