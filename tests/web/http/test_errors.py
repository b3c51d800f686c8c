"""The table of errors is total: every code that can be raised has words, and what the words name is given with it."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from deldokument.crypto.errors import IntegrityError
from deldokument.domain import errors
from deldokument.domain.errors import ServiceError
from deldokument.domain.shares.policy import AccessRule
from deldokument.web.http.responses.error_texts import WORDS
from deldokument.web.http.responses.errors import (
    RIGHTS,
    STATUS,
    LoginNotFresh,
    MediaTypeRefused,
    StalePage,
    error_text,
    status_of,
)
from deldokument.web.http.responses.i18n import LANGUAGES, Translator

pytestmark = pytest.mark.once

SOURCE = Path(errors.__file__).parents[1]
FIXED: dict[str, ServiceError] = {
    "NotFound": errors.NotFound("why"),
    "InvalidFields": errors.InvalidFields([]),
    "ChecksumMismatch": errors.ChecksumMismatch(),
    "StorageFull": errors.StorageFull("ENOSPC"),
    "Broken": errors.Broken("entry"),
    "ScopeMissing": errors.ScopeMissing("deldokument:share"),
}
"""Errors that have one code each."""

LIMITS = ("rate_limited", "refusal_limit", "login_limit", "lookup_limit", "draft_limit", "program_limit")
COMPUTED = {
    "f'organization_{organization.status}'": ("organization_deleted", "organization_bankrupt"),
    "f'tenant_organization_{found.status}'": ("tenant_organization_deleted", "tenant_organization_bankrupt"),
    "limit.name": LIMITS,
    "fault": ("seal_missing", "seal_expired"),
    "answered.fault": ("seal_missing", "seal_expired"),
    "MISSING": ("seal_missing",),
    "missing": ("number_missing", "person_number_missing", "organization_number_missing"),
}
"""Codes that are put together where they are raised, and what they can come to."""

OPERATORS_ONLY = {
    "root_key_exists",
    "blob_store_claimed",
    "blob_store_empty",
    "keyring_claimed",
    "keyring_empty",
    "blob_exists",  # a name of 128 random bits drawn twice
    "seal",  # at start-up
    "seal_exists",
    "store_of_other_deployment",  # only in the worker
    "orphans_implausible",
    "notices_unavailable",  # only in the worker
    "rights_unavailable",  # becomes rights_unknown where a decision needs the rights
}
"""Codes that operators meet in logs and on the command line, with the detail; they never appear on a page."""


@dataclass(frozen=True, slots=True)
class Raised:
    """Where an error is made, with which code and parameters."""

    where: str
    code: str
    parameters: frozenset[str]


FAMILY = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ServiceError)}


@cache
def raised() -> tuple[Raised, ...]:
    """Every error that is made anywhere in the source."""
    return tuple(
        found for path in sorted(SOURCE.rglob("*.py")) if "simulators" not in path.parts for found in _raised_in(path)
    )


def _raised_in(path: Path) -> Iterator[Raised]:
    if path.name == "errors.py" and path.parent.name == "domain":
        return
    names = {kind.__name__ for kind in FAMILY} - FIXED.keys()
    text = path.read_text()
    # Parsing and walking the whole source takes half a second.
    if not any(f"{name}(" in text for name in (*names, "super().__init__")):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and (_name(node.func) in names or _is_kind_of_its_own(node)):
            where = f"{path.relative_to(SOURCE)}:{node.lineno}"
            parameters = frozenset(keyword.arg for keyword in node.keywords if keyword.arg) - {"detail"}
            for code in _codes(node.args[_name(node.func) == "InvalidInput"], where):
                yield Raised(where, code, parameters)


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_kind_of_its_own(call: ast.Call) -> bool:
    """``super().__init__("code", ...)``: how other layers make errors that have one code each."""
    first = call.args[0] if call.args else None
    return (
        _name(call.func) == "__init__"
        and ast.unparse(call.func) == "super().__init__"
        and isinstance(first, ast.Constant)
        and re.fullmatch(r"[a-z_]+", str(first.value)) is not None
    )


def _codes(code: ast.expr, where: str) -> tuple[str, ...]:
    if isinstance(code, ast.IfExp):
        return _codes(code.body, where) + _codes(code.orelse, where)
    if isinstance(code, ast.Constant):
        return (str(code.value),)
    assert ast.unparse(code) in COMPUTED, f"{where} puts a code together that this test does not know"
    return COMPUTED[ast.unparse(code)]


def placeholders(code: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", WORDS[code]))


def test_the_collection_finds_errors_of_every_layer() -> None:
    layers = {found.where.split("/")[0] for found in raised()}
    assert {"domain", "services", "adapters", "web"} <= layers
    assert {found.code for found in raised()} >= {"csrf", "login_level", "share_withdrawn", "organization_bankrupt"}


def test_every_code_that_can_be_raised_has_words() -> None:
    wordless = {found.code for found in raised()} - WORDS.keys() - OPERATORS_ONLY
    assert wordless == set(), [found for found in raised() if found.code in wordless]
    assert {error.code for error in FIXED.values()} <= WORDS.keys()


def test_the_operators_codes_have_no_words_and_are_all_raised() -> None:
    assert not OPERATORS_ONLY & WORDS.keys()
    assert {found.code for found in raised()} >= OPERATORS_ONLY


def test_every_text_is_used() -> None:
    named = "\n".join(path.read_text() for path in (SOURCE / "web").rglob("*.py") if path.name != "error_texts.py")
    used = {found.code for found in raised()} | {error.code for error in FIXED.values()}
    assert {code for code in WORDS.keys() - used if f'"{code}"' not in named} == set()


def test_what_the_words_name_is_given_with_the_error() -> None:
    with_words = [found for found in raised() if found.code in WORDS]
    assert [found for found in with_words if not placeholders(found.code) <= found.parameters] == []


def test_the_words_have_no_other_percent_signs() -> None:
    assert [code for code, words in WORDS.items() if "%" in re.sub(r"%\(\w+\)s", "", words)] == []


def test_every_kind_of_error_has_its_own_status() -> None:
    assert STATUS.keys() == (FAMILY - {ServiceError}) | {StalePage, IntegrityError, LoginNotFresh, MediaTypeRefused}


def test_statuses_are_those_of_the_protocols() -> None:
    assert {kind.__name__: status for kind, status in STATUS.items()} == {
        "InvalidInput": 422,
        "InvalidFields": 422,
        "NotFound": 404,
        "RightMissing": 403,
        "Gone": 410,
        "Frozen": 403,
        "Conflict": 409,
        "RateLimited": 429,
        "TokenRefused": 401,
        "ScopeMissing": 403,
        "LoginFailed": 403,
        "TooLarge": 413,
        "ChecksumMismatch": 460,
        "NotReady": 503,
        "Unavailable": 503,
        "StorageFull": 507,
        "Broken": 500,
        "IntegrityError": 500,
        "StalePage": 403,
        "LoginNotFresh": 403,
        "MediaTypeRefused": 415,
    }


def test_an_error_outside_the_table_is_our_own_fault() -> None:
    assert status_of(ValueError()) == status_of(errors.Broken()) == status_of(IntegrityError()) == 500


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_has_a_text_in_every_language_with_its_parameters(language: str) -> None:
    translator = Translator(language)
    for found in raised():
        if found.code in WORDS:
            params = {name: "2026-11-24T12:00:00+00:00" if name == "at" else 7 for name in found.parameters}
            words = error_text(ServiceError(found.code, detail="for the log", **params), translator)
            assert words
            assert "%(" not in words
            assert "for the log" not in words


def test_a_stranger_reads_the_same_for_every_reason() -> None:
    translator = Translator("nb")
    reasons = ("unknown_share", "not_named", "insufficient_rights", "not_published", "")
    assert len({error_text(errors.NotFound(reason), translator) for reason in reasons}) == 1


def test_a_code_without_words_says_that_something_is_wrong_with_us_and_no_more() -> None:
    translator = Translator("nb")
    secret = errors.Conflict("root_key_exists", detail="/var/lib/root.key")
    assert error_text(secret, translator) == error_text(errors.Broken("other"), translator)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_right_is_shown_by_altinns_name_for_it_and_an_unknown_one_by_its_code(language: str) -> None:
    translator = Translator(language)
    names = {code: translator.text(name) for code, name in RIGHTS.items()}
    assert set(names) == AccessRule().ordinary
    for code, name in (names | {"komab": "komab"}).items():
        words = error_text(errors.RightMissing("right_missing", organizations="FJELL AS", right=code), translator)
        assert f"«{name}»" in words
        assert "FJELL AS" in words


def test_a_time_is_written_in_words() -> None:
    gone = errors.Gone("share_ended", at="2026-12-04T14:30:00+00:00")
    assert "fredag 4. desember 2026 kl. 15.30" in error_text(gone, Translator("nb"))
