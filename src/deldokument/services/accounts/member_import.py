"""Import of many members: parse a list, preview the result of each line, register exactly the preview.

    read_list       the bytes of a file as text
    preview_list    the result of each line; nothing is changed
    register_list   everything that the preview showed, or nothing

Guarantees:
- Only what the preview showed is registered. If one of the persons was registered or removed meanwhile, nothing happens
  and the caller gets an error.
- A list sent twice is registered once, even if a member was removed in between: the ids of the members are derived from
  the preview.
- An invalid line does not prevent the others.
"""

import base64
import csv
import hashlib
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidFields, InvalidInput
from deldokument.domain.identifiers import PersonIdentifier, mask_digits
from deldokument.domain.shares.share import new_id
from deldokument.domain.tenants.tenancy import Account, Member
from deldokument.ports.dependencies import Dependencies
from deldokument.services.accounts.members import account_in_use, locked_account, record_about_member, sealed_member
from deldokument.services.encryption import identifier_hash
from deldokument.services.people import check_person, directory_key
from deldokument.store.transaction import Transaction

LIST_LINES = 2000
LIST_LENGTH = 250_000
"""In bytes of UTF-8: with the other fields of the form, such a list still fits in a request."""

_COLUMNS = ("number", "name")
_SEPARATORS = ";\t,"
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_SPACED = re.compile(r"(\d{6}[ .-]?\d{5})\s+(.*\S)")
_HEADING = re.compile(r"navn|namn|name|nummer|number|fnr", re.IGNORECASE)
_ID_BYTES = 16


class Outcome(StrEnum):
    """The result of a line."""

    ADDED = "added"
    MEMBER = "member"
    REPEATED = "repeated"
    REFUSED = "refused"
    HEADING = "heading"


@dataclass(frozen=True, slots=True)
class ListedLine:
    """A parsed line of the list, digits masked. ``first`` is the number of the line that it repeats."""

    number: int
    outcome: Outcome
    masked: str
    name: str
    errors: tuple[InvalidInput, ...] = ()
    first: int = 0


@dataclass(frozen=True, slots=True)
class ListPreview:
    """The preview of a list. The form sends ``batch``, the list and the numbers of ``added`` to the registration."""

    account: Account
    lines: tuple[ListedLine, ...]
    batch: str

    def of(self, outcome: str) -> list[ListedLine]:
        """Return the lines with that result."""
        return [line for line in self.lines if line.outcome == outcome]

    @property
    def added(self) -> list[int]:
        """The numbers of the lines that will be registered."""
        return [line.number for line in self.of(Outcome.ADDED)]


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A parsed line, with the person if it is valid."""

    line: ListedLine
    person: PersonIdentifier | None = None


def read_list(content: bytes) -> str:
    """Return the text of a file: UTF-16 if a byte order mark says so, else UTF-8, else windows-1252.

    Raises: InvalidInput if it is not text.
    """
    encodings = ("utf-16",) if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise InvalidInput("file", "list_not_text")


def preview_list(deps: Dependencies, *, tenant_id: str, account_id: str, text: str) -> ListPreview:
    """Return the result of each line.

    Raises: InvalidInput for the whole list; NotFound or Conflict as for one member.
    """
    entries, key = parse_list(deps, text), directory_key(deps)
    with deps.database.read() as tx:
        account = account_in_use(tx, tenant_id, account_id)
        lines = _foresee(tx, key, account_id, entries)
    return ListPreview(account, tuple(lines), new_id())


def register_list(
    deps: Dependencies,
    *,
    tenant_id: str,
    account_id: str,
    text: str,
    shown: Collection[int],
    batch: str,
    person: PersonIdentifier | None = None,
) -> int:
    """Register the lines with the numbers ``shown``. Return their number, also if they are registered already.

    Raises: as ``preview_list``; Conflict if these are not the lines that would be registered now.
    """
    entries, key, now = parse_list(deps, text), directory_key(deps), deps.clock.now()
    wanted = set(shown)
    chosen = [(entry.person, entry.line.name) for entry in entries if entry.person and entry.line.number in wanted]
    # One microsecond apart, to keep the order of the list.
    members = [
        _member(key, account_id, batch, who, name, now - timedelta(microseconds=place), waits=person is None)
        for place, (who, name) in enumerate(chosen)
    ]
    with deps.database.write() as tx:
        # Serialises imports: if a list is sent twice at once, the second finds what the first has registered.
        locked_account(tx, tenant_id, account_id)
        if members and tx.members.get(members[0].id) is not None:
            return len(members)
        lines = _foresee(tx, key, account_id, entries)
        if [line.number for line in lines if line.outcome is Outcome.ADDED] != sorted(shown):
            raise Conflict("list_changed")
        for member in members:
            tx.members.add(member)
        for member in members:
            record_about_member(deps, tx, EventKind.MEMBER_ADDED, tenant_id, member, person)
    return len(members)


def _member(
    key: bytes, account_id: str, batch: str, person: PersonIdentifier, name: str, now: datetime, *, waits: bool
) -> Member:
    """Return the person's record, with the id derived from the batch."""
    member_id = _derived_id(batch, account_id, identifier_hash(key, person).hex())
    return sealed_member(key, account_id, member_id, person, name, now, waits=waits)


def parse_list(deps: Dependencies, text: str) -> list[ListEntry]:
    """Parse every line that is not blank by itself. Raises: InvalidInput if there are none or too many."""
    if len(text.encode()) > LIST_LENGTH:
        raise InvalidInput("list", "list_too_large", longest=LIST_LENGTH // 1000)
    lines = [(number, line) for number, line in enumerate(_LINE_ENDS.split(text), 1) if line.strip()]
    if not lines:
        raise InvalidInput("list", "list_empty")
    if len(lines) > LIST_LINES:
        raise InvalidInput("list", "list_too_long", lines=len(lines), longest=LIST_LINES)
    first, line = lines[0]
    entries = [_heading(first, line)] if _is_heading(line) else [_entry(deps, first, line)]
    return entries + [_entry(deps, number, line) for number, line in lines[1:]]


def _is_heading(line: str) -> bool:
    return _HEADING.search(line) is not None and not any(c.isdigit() for c in line)


def _heading(number: int, line: str) -> ListEntry:
    return ListEntry(ListedLine(number, Outcome.HEADING, "", line.strip()))


def _entry(deps: Dependencies, number: int, line: str) -> ListEntry:
    cells = [line.strip()]
    try:
        cells = _cells(line)
        if len(cells) != len(_COLUMNS):
            raise InvalidInput("list", "line_columns")
        person, name = check_person(deps, *cells)
    except InvalidInput as error:
        return _refuse_line(number, cells, error)
    except InvalidFields as error:
        return _refuse_line(number, cells, *error.errors)
    return ListEntry(ListedLine(number, Outcome.ADDED, person.masked, name), person)


def _cells(line: str) -> list[str]:
    """Return number and name of a line, in this order; return cells of another form unchanged. Raises: InvalidInput."""
    separator = next((sign for sign in _SEPARATORS if sign in line), None)
    if separator is None:
        # Stripped, because searching trailing blanks for the end of a name would take quadratic time.
        words = line.strip()
        spaced = _SPACED.fullmatch(words)
        return list(spaced.groups()) if spaced else [words]
    try:
        (row,) = csv.reader([line], delimiter=separator, strict=True, skipinitialspace=True)
    except csv.Error:
        raise InvalidInput("list", "line_quotes") from None
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells[::-1] if len(cells) > 1 and not _has_digit(cells[0]) and _has_digit(cells[1]) else cells


def _has_digit(text: str) -> bool:
    return any(c.isdigit() for c in text)


def _refuse_line(number: int, cells: list[str], *errors: InvalidInput) -> ListEntry:
    """Return a refused line with its cells masked; with other columns, the whole line is the name."""
    *numbers, name = cells if len(cells) == len(_COLUMNS) else ["; ".join(cells)]
    masked = mask_digits("".join(numbers))
    return ListEntry(ListedLine(number, Outcome.REFUSED, masked, mask_digits(name), errors=errors))


def _foresee(tx: Transaction, key: bytes, account_id: str, entries: list[ListEntry]) -> list[ListedLine]:
    """Return the lines in order, with the results that a registration would have now."""
    hashes = {entry.line.number: identifier_hash(key, entry.person) for entry in entries if entry.person}
    members = {member.lookup_hash for member in tx.members.by_hashes(account_id, set(hashes.values()))}
    firsts: dict[bytes, int] = {}
    for number, lookup_hash in hashes.items():
        firsts.setdefault(lookup_hash, number)

    def foreseen(line: ListedLine) -> ListedLine:
        lookup_hash = hashes.get(line.number)
        if lookup_hash is None:
            return line
        if firsts[lookup_hash] != line.number:
            return replace(line, outcome=Outcome.REPEATED, first=firsts[lookup_hash])
        return replace(line, outcome=Outcome.MEMBER) if lookup_hash in members else line

    return [foreseen(entry.line) for entry in entries]


def _derived_id(*words: str) -> str:
    """Return an id derived from the words, in the format of new_id; it is as unguessable as they are."""
    digest = hashlib.sha256("\0".join(words).encode()).digest()[:_ID_BYTES]
    derived = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return derived if derived[0].isalnum() else _derived_id(*words, "")
