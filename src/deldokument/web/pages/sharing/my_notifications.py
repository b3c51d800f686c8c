"""«Varsler til meg»: the person's e-mail address for notices, and which notices to send.

Guarantees:
- An address is shown only to its owner.
- After an error the form still contains the input.
- A person who came from a share returns to it when the address is confirmed or the choices are saved.
- Links in e-mail have no effect: to confirm an address, the person logs in and types the code.

The rules are in services.notifications.email_addresses.
"""

import re
from dataclasses import replace

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import InvalidInput
from deldokument.domain.messages.email_addresses import Language
from deldokument.services.notifications import email_addresses
from deldokument.services.notifications.email_texts import SETTINGS_PATH
from deldokument.web.http.request import POST, Endpoint, RequestContext, RequiredRole
from deldokument.web.http.responses.rendering import render

_OF_MEMBERS: tuple[str, ...] = ("downloaded", "ending", "approval")
_OF_ADMINISTRATORS: tuple[str, ...] = ("signature",)
_SHARE_PATH = re.compile(r"/delinger/[A-Za-z0-9_-]+/delt")
_SETTLED = frozenset({"bekreftet", "lagret"})
_DONE = _SETTLED | {"sendt", "fjernet"}


def notices_page(call: RequestContext) -> Response:
    """Show the address and the chosen notices."""
    done = call.query("gjort")
    return render(
        call,
        "pages/sharing/my_notifications.html",
        view=email_addresses.show_address(call.deps, call.person.person, _language(call)),
        typed=call.fields.get("email", ""),
        faults=dict(call.errors),
        done=done if done in _DONE and not call.errors else "",
        share_path=_share_path(call),
        member=bool(call.roles.memberships),
        administrator=bool(call.roles.administered),
    )


def enter(call: RequestContext) -> Response:
    """Send a code to an address («Send meg en kode»)."""
    email_addresses.enter_address(call.deps, call.person.person, call.fields.get("email", ""), _language(call))
    return _redirect(call, "sendt")


def confirm(call: RequestContext) -> Response:
    """Confirm the address («Bekreft adressen»)."""
    email_addresses.confirm_address(call.deps, call.person.person, call.fields.get("code", ""))
    return _redirect(call, "bekreftet")


def choose(call: RequestContext) -> Response:
    """Save the choices («Lagre valgene»). Choices that the page does not offer stay unchanged."""
    try:
        language = Language(call.fields.get("language", ""))
    except ValueError:
        raise InvalidInput("language", "choice_missing") from None
    offered = (_OF_MEMBERS if call.roles.memberships else ()) + (_OF_ADMINISTRATORS if call.roles.administered else ())
    chosen = {name: call.fields.get(name) == "on" for name in offered}
    before = email_addresses.show_address(call.deps, call.person.person).choices
    email_addresses.choose_notices(call.deps, call.person.person, replace(before, **chosen, language=language))
    return _redirect(call, "lagret")


def remove(call: RequestContext) -> Response:
    """Remove the address («Fjern adressen»)."""
    email_addresses.remove_address(call.deps, call.person.person)
    return _redirect(call, "fjernet")


def _language(call: RequestContext) -> Language:
    """Return the page's language, which applies until the person chooses another."""
    return Language(call.translator.language)


def _share_path(call: RequestContext) -> str:
    """Return the page of the share from which the person came; empty if there is none."""
    path = call.fields.get("neste", "") or call.query("neste")
    return path if _SHARE_PATH.fullmatch(path) else ""


def _redirect(call: RequestContext, what: str) -> Response:
    path = _share_path(call)
    if path and what in _SETTLED:
        return RedirectResponse(path, 303)
    return RedirectResponse(f"{SETTINGS_PATH}?gjort={what}" + (f"&neste={path}" if path else ""), 303)


ENDPOINTS = (
    Endpoint(SETTINGS_PATH, notices_page, RequiredRole.PERSON),
    Endpoint(f"{SETTINGS_PATH}/adresse", enter, RequiredRole.PERSON, POST, again=notices_page, error_field="email"),
    Endpoint(f"{SETTINGS_PATH}/kode", confirm, RequiredRole.PERSON, POST, again=notices_page, error_field="email"),
    Endpoint(f"{SETTINGS_PATH}/valg", choose, RequiredRole.PERSON, POST, again=notices_page),
    Endpoint(f"{SETTINGS_PATH}/fjerning", remove, RequiredRole.PERSON, POST),
)
