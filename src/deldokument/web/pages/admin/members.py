"""«Brukere»: the members of an account: adding one or a list, finding, marking absent, removing.

Guarantees:
- No person's number appears in a URL.
- After every error the form still contains the input.
- A list is registered only after its preview, and exactly as previewed.
- A form that is sent twice takes effect once.

The rules are in services.accounts.members and services.accounts.member_import.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from deldokument.domain.errors import Conflict, InvalidInput
from deldokument.domain.norwegian_time import OSLO
from deldokument.domain.tenants.tenancy import Account
from deldokument.services.accounts import member_import, members
from deldokument.services.accounts.member_import import LIST_LENGTH, LIST_LINES, ListedLine, Outcome
from deldokument.services.accounts.members import MemberView
from deldokument.web.http.request import POST, RequestContext
from deldokument.web.http.requests.form_values import read_count
from deldokument.web.http.requests.pagination import read_place, write_place
from deldokument.web.http.responses.errors import error_text
from deldokument.web.http.responses.i18n import _
from deldokument.web.http.responses.rendering import NavItem
from deldokument.web.pages.admin.accounts import SECTION, above_account, path_of
from deldokument.web.pages.admin.layout import section_endpoint, section_page

_SEARCH = "search-number"
_FILE_LENGTH = 2 * LIST_LENGTH
"""Bytes of the longest list in UTF-16."""


@dataclass(frozen=True, slots=True)
class MemberRow:
    """Member in the list, with the days in words."""

    view: MemberView
    added_on: str
    used_on: str


@dataclass(frozen=True, slots=True)
class Searched:
    """The searched number, and whether a member has it."""

    number: str
    found: bool


@dataclass(frozen=True, slots=True)
class LineRow:
    """Line of a list, with its faults in words."""

    line: ListedLine
    faults: list[str]


def list_page(call: RequestContext, searched: Searched | None = None, found: MemberView | None = None) -> Response:
    """Show the members, last added first, and the forms for adding and finding one."""
    before = read_place(call.query("etter"))
    listed = members.list_members(call.deps, **_where(call), before=before)
    return section_page(
        call,
        SECTION,
        "pages/admin/members.html",
        above=_above(call, listed.account),
        account=listed.account,
        here=_path(call),
        count=listed.count,
        waiting=listed.waiting,
        rows=[_row(call, view) for view in ([found] if found else [] if searched else listed.members)],
        more=f"{_path(call)}?{urlencode({'etter': write_place(listed.next)})}" if listed.next and not searched else "",
        continued=before is not None,
        typed={"number": "", "name": ""} if searched else call.typed("number", "name"),
        searched=searched,
        registered=0 if call.errors else read_count(call.query("registrert")),
        removed=call.query("fjernet") == "1" and not call.errors,
        confirmed=0 if call.errors else read_count(call.query("bekreftet")),
    )


def _row(call: RequestContext, view: MemberView) -> MemberRow:
    added, used = view.added_at.astimezone(OSLO), view.used_at and view.used_at.astimezone(OSLO)
    return MemberRow(view, call.translator.day(added), call.translator.day(used) if used else "")


def add(call: RequestContext) -> Response:
    """Add a member."""
    members.add_member(call.deps, **_where(call), **call.typed("number", "name"), person=call.person.person)
    return RedirectResponse(f"{_path(call)}?registrert=1", 303)


def search(call: RequestContext) -> Response:
    """Show the member with that full number, or that there is none."""
    number = call.fields.get("number", "")
    try:
        found = members.find_member(call.deps, **_where(call), number=number)
    except InvalidInput as error:
        call.refuse(error.at(_SEARCH))
        found = None
    return list_page(call, Searched(number, found=found is not None), found)


def confirm(call: RequestContext) -> Response:
    """Confirm waiting members: the chosen one, or all that the page showed."""
    shown = [member_id for member_id in call.fields.get("members", "").split(",") if member_id]
    count = members.confirm_members(call.deps, **_where(call), member_ids=shown, person=call.person.person)
    return RedirectResponse(f"{_path(call)}?bekreftet={count}", 303)


def member_page(call: RequestContext) -> Response:
    """Show a member, with the forms for absence and for ending the membership."""
    account, view = members.show_member(call.deps, **_where(call), member_id=call.path("member_id"))
    return section_page(
        call,
        SECTION,
        "pages/admin/member.html",
        above=_above(call, account, list_too=True),
        account=account,
        here=_path(call),
        member=view,
    )


def mark_absent(call: RequestContext) -> Response:
    """Mark the member as absent, or as present again."""
    member_id, absent = call.path("member_id"), call.fields.get("absent") == "1"
    members.mark_absent(call.deps, **_where(call), member_id=member_id, absent=absent, person=call.person.person)
    return RedirectResponse(f"{_path(call)}/{member_id}", 303)


def remove(call: RequestContext) -> Response:
    """End the membership at once. Idempotent."""
    members.remove_member(call.deps, **_where(call), member_id=call.path("member_id"), person=call.person.person)
    return RedirectResponse(f"{_path(call)}?fjernet=1", 303)


def list_form(call: RequestContext) -> Response:
    """Show the form for a list."""
    listed = members.list_members(call.deps, **_where(call))
    return section_page(
        call,
        SECTION,
        "pages/admin/member_import.html",
        above=_above(call, listed.account, list_too=True),
        account=listed.account,
        here=_path(call),
        typed=call.fields.get("list", ""),
        most_lines=LIST_LINES,
        most_bytes=LIST_LENGTH,
    )


def preview(call: RequestContext) -> Response:
    """Show the result of each line of the list; nothing is registered yet."""
    return _preview(call, _sent_list(call))


def _sent_list(call: RequestContext) -> str:
    """Return the text of the list, from the file or the text field.

    Raises: InvalidInput if both were sent, or the file is too large or not text.
    """
    typed, file = call.fields.get("list", ""), call.files.get("file")
    if file is None:
        return typed
    if typed.strip():
        raise InvalidInput("file", "list_sent_twice")
    if file.too_large:
        raise InvalidInput("file", "list_too_large", longest=LIST_LENGTH // 1000)
    return member_import.read_list(file.content)


def _preview(call: RequestContext, text: str) -> Response:
    seen = member_import.preview_list(call.deps, **_where(call), text=text)
    return section_page(
        call,
        SECTION,
        "pages/admin/member_import_preview.html",
        above=_above(call, seen.account, list_too=True),
        account=seen.account,
        here=_path(call),
        text=text,
        batch=seen.batch,
        shown=",".join(map(str, seen.added)),
        lines={outcome.value: [_line(call, line) for line in seen.of(outcome)] for outcome in Outcome},
    )


def _line(call: RequestContext, line: ListedLine) -> LineRow:
    return LineRow(line, [error_text(error, call.translator) for error in line.errors])


def register(call: RequestContext) -> Response:
    """Register exactly the preview; show a new preview if the result would differ by now."""
    text = call.fields.get("list", "")
    try:
        count = member_import.register_list(
            call.deps,
            **_where(call),
            text=text,
            shown=_shown_lines(call),
            batch=call.fields.get("batch", ""),
            person=call.person.person,
        )
    except Conflict as error:
        if error.code != "list_changed":
            raise
        call.refuse(error)
        return _preview(call, text)
    return RedirectResponse(f"{_path(call)}?registrert={count}", 303)


def _shown_lines(call: RequestContext) -> list[int]:
    """Return the lines that the preview would register; none if the field is malformed."""
    numbers = call.fields.get("shown", "").split(",")
    return [read_count(number) for number in numbers] if all(map(read_count, numbers)) else []


def _where(call: RequestContext) -> dict[str, Any]:
    return {"tenant_id": call.tenant.id, "account_id": call.path("account_id")}


def _path(call: RequestContext) -> str:
    return path_of(call, call.path("account_id"), "brukere")


def _above(call: RequestContext, account: Account, *, list_too: bool = False) -> tuple[NavItem, ...]:
    users = (NavItem(_path(call), call.translator.text(_("Users"))),)
    return above_account(call, account) + (users if list_too else ())


_ALL = f"/{SECTION}/{{account_id}}/brukere"
_ONE = f"{_ALL}/{{member_id}}"
ENDPOINTS = (
    section_endpoint(_ALL, list_page),
    section_endpoint(_ALL, add, POST, again=list_page, error_field="number"),
    # The browser may request the response to a form again by GET, after a change of language or from its history.
    section_endpoint(f"{_ALL}/sok", list_page),
    section_endpoint(f"{_ALL}/sok", search, POST),
    section_endpoint(f"{_ALL}/liste", list_form),
    section_endpoint(f"{_ALL}/liste", preview, POST, again=list_form, error_field="list", takes_file=_FILE_LENGTH),
    section_endpoint(f"{_ALL}/liste/registrering", list_form),
    section_endpoint(
        f"{_ALL}/liste/registrering",
        register,
        POST,
        again=list_form,
        error_field="list",
        takes_file=_FILE_LENGTH,
    ),
    section_endpoint(f"{_ALL}/bekreftelse", list_page),
    section_endpoint(f"{_ALL}/bekreftelse", confirm, POST),
    section_endpoint(_ONE, member_page),
    section_endpoint(f"{_ONE}/fravar", member_page),
    section_endpoint(f"{_ONE}/fravar", mark_absent, POST),
    section_endpoint(f"{_ONE}/fjerning", member_page),
    section_endpoint(f"{_ONE}/fjerning", remove, POST),
)
