"""The architecture page: its diagrams are generated from the code, and every name on it exists."""

import re

import pytest

from tests.docs.code_names import missing, spans
from tests.docs.layers import PAGE, drawing, layers, outside, prose, up_to_date
from tests.matrix.table import application_rows

TEXT = PAGE.read_text("utf-8")
WORDS = {
    ".venv-dev/bin/python -m tests.docs.layers",
    "-",
    "Dependencies",
    "Idempotency-Key",
    "expires_at",
    "share_published",
    "web/static",
}
"""Code on the page that names no module, function, file or route; a checkout has ``web/static`` after a build."""
WALK = {
    "Upload": {"web/transfer/tus.py", "services.uploads.append.Append.commit", "crypto/manifest.py"},
    "Publish": {"services.shares.published.publishing.publish_share"},
    "Download": {"services.downloads.access.authorize", "services.downloads.delivery.record_delivery"},
}


def test_the_diagrams_and_the_table_of_packages_are_those_of_the_code() -> None:
    """If this fails: run `.venv-dev/bin/python -m tests.docs.layers`."""
    assert up_to_date(TEXT) == TEXT


def test_every_module_function_file_and_route_on_the_page_exists() -> None:
    routes = {f"{row.method} {row.path}" for row in application_rows()}
    assert missing(prose(TEXT), routes, WORDS) == []


def test_no_word_is_excepted_that_is_not_on_the_page() -> None:
    assert set(spans(prose(TEXT))) >= WORDS


@pytest.mark.parametrize("heading", WALK)
def test_the_path_of_a_share_names_the_modules_of_each_step(heading: str) -> None:
    section = re.split(rf"^### {heading}$", TEXT, flags=re.M)[1].split("\n#", 1)[0]
    assert set(spans(section)) >= WALK[heading]


def test_every_package_of_the_product_is_in_a_layer_or_beside_the_layers() -> None:
    assert set(outside(layers())) == {"client", "config", "server", "simulators"}
    assert layers("services")[-1] == ["encryption"]


def test_a_diagram_has_a_number_for_each_layer_and_an_arrow_to_each_import() -> None:
    imported = {"top": {"low", "side"}, "left": {"low"}, "low": set(), "side": set()}
    assert drawing([["top"], ["left"], ["low"]], ["side"], imported).splitlines() == [
        "```text",
        " 1  top  -> low side",
        " 2  left -> low",
        " 3  low",
        " -  side",
        "```",
    ]


def test_a_page_without_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="no block layers"):
        up_to_date("# Architecture\n")


@pytest.mark.parametrize(
    "name",
    [
        "services/uploads/appending.py",
        "services.uploads.append.Append.seal",
        "services.uploads.append.feed",
        "services.vault",
        "GET /d/{id}/files",
        "make everything",
        "Unknown",
    ],
)
def test_a_name_that_does_not_exist_is_found(name: str) -> None:
    assert missing(f"See `{name}`.", {"GET /d/{id}"}, ()) == [name]


@pytest.mark.parametrize(
    "name",
    ["services/uploads/append.py", "services.uploads.append.Append.commit", "worker", "GET /d/{id}", "make tests"],
)
def test_a_name_that_exists_passes(name: str) -> None:
    assert missing(f"See `{name}`.", {"GET /d/{id}"}, ()) == []
