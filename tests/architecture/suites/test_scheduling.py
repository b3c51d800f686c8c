"""What stays on one process of a run: see support.scheduling."""

from tests.architecture.rules import ROOT
from tests.support.scheduling import TOGETHER, scope_of


def test_files_that_share_a_server_stay_on_one_process_and_all_others_are_handed_out_one_by_one() -> None:
    assert scope_of("tests/browser/general/test_pages.py::test_a") == scope_of(
        "tests/browser/admin/test_members.py::test_b[x::y]"
    )
    assert scope_of("tests/web/http/test_forms.py::test_a[x::y]") == "tests/web/http/test_forms.py"
    assert scope_of("tests/unit/test_loading.py::test_a") != scope_of("tests/unit/domain/shares/test_policy.py::test_a")


def test_the_suites_that_stay_together_are_there() -> None:
    assert all((ROOT / "tests" / suite).is_dir() for suite in TOGETHER)
