"""The page of errors has every code that there is, with the status that it is answered with."""

from deldokument.web.http.responses.errors import WORDS
from tests.docs.documents import DOCS, table
from tests.docs.raising import statuses

PAGE = (DOCS / "errors.md").read_text("utf-8")
API = {row[0].strip("`"): row for row in table(PAGE, "Codes")}
OTHERS = [row[0].strip("`") for row in table(PAGE, "Other codes")]
BY_THE_ROUTER = {"method": 405}
"""Codes whose status is not that of their kind of error."""


def test_every_code_is_on_the_page_once_and_no_other() -> None:
    """If a code is missing: put it under Codes when the API can answer it, then run tests/docs/raising.py."""
    named = [*(row[0].strip("`") for row in table(PAGE, "Codes")), *OTHERS]
    assert sorted(named) == sorted(WORDS)


def test_every_code_of_the_api_has_its_status_and_what_to_do() -> None:
    raised = statuses()
    for code, (_, status, advice) in API.items():
        expected = BY_THE_ROUTER.get(code) or raised.get(code, {422})
        assert int(status) == expected or {int(status)} == expected, code
        assert advice


def test_what_the_gate_and_the_routes_of_the_api_raise_themselves_is_among_the_apis() -> None:
    own = {"token_missing", "token_invalid", "insufficient_scope", "tokens_unavailable", "rate_limited", "media_type"}
    own |= {
        code
        for code in WORDS
        if code.startswith(("field_", "parameter_", "idempotency_", "cursor_", "webhook_", "body_"))
    }
    assert own <= API.keys()


def test_what_reports_and_programs_that_receive_can_get_is_among_the_apis() -> None:
    reports = {code for code in WORDS if code.startswith("seal_")}
    programs = {"clock_untrusted", "inspection_refused", "inspection_running", "refusal_limit", "share_withdrawn"}
    assert len(reports) == 4
    assert reports | programs <= API.keys()
