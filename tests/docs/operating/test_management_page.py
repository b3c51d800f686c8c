"""What operators are shown of the management listener and of database URLs is what the service has and takes."""

import re

import pytest
from pydantic import TypeAdapter

from deldokument.config.settings import load_settings
from deldokument.config.types import DatabaseUrl
from deldokument.web.management import LIVE, READINESS_LIFETIME, READY
from deldokument.web.metrics import PATH as METRICS
from tests.docs.documents import table
from tests.support.deployment.operating_page import PAGE, ROOT, fenced, section

EXAMPLE = (ROOT / "deploy" / "env.example").read_text("utf-8")
_URL = re.compile(r"postgresql://[^\s'\"`|…]+(?=[\s'\"`])")


def default_port() -> int:
    """Of the management listener, where nothing else is said."""
    return load_settings(demo=True, public_url="http://127.0.0.1", data_dir="/tmp/x").management_port


def test_the_page_names_the_paths_of_the_management_listener_and_how_long_readiness_is_kept() -> None:
    rows = {row[0].strip("`"): row[1] for row in table(PAGE, "The management listener")}
    assert rows.keys() == {LIVE, READY, METRICS}
    assert READINESS_LIFETIME.total_seconds() == 1
    assert "cached for one second" in rows[READY]


def test_monitoring_and_load_balancer_ask_where_the_service_answers() -> None:
    part, port = section("The management listener"), default_port()
    [balancer], [monitoring] = fenced(part, "haproxy"), fenced(part, "yaml")
    assert f"option httpchk GET {READY}\n" in balancer
    assert {int(found) for found in re.findall(r"check port (\d+)", balancer)} == {port}
    assert f"metrics_path: {METRICS}\n" in monitoring
    assert {int(found) for found in re.findall(r"10\.0\.0\.1\d:(\d+)", monitoring)} == {port}


def test_the_delivered_settings_keep_the_management_listener_at_home_and_the_proxy_does_not_know_it() -> None:
    assert "\nDELDOKUMENT_MANAGEMENT_HOST=127.0.0.1\n" in EXAMPLE
    assert f"\nDELDOKUMENT_MANAGEMENT_PORT={default_port()}\n" in EXAMPLE
    proxy = (ROOT / "deploy" / "nginx.conf").read_text("utf-8")
    assert "/helse" not in proxy
    assert str(default_port()) not in proxy


@pytest.mark.parametrize("url", sorted({*_URL.findall(PAGE), *_URL.findall(EXAMPLE)}))
def test_a_database_url_of_an_example_is_taken_and_names_no_other_machine(url: str) -> None:
    assert TypeAdapter(DatabaseUrl).validate_python(url) == url
    assert re.match(r"postgresql://([^@/]*@)?/", url)


def test_what_the_page_adds_to_the_url_of_a_database_elsewhere_verifies_it() -> None:
    [added] = re.findall(r"^verified='([^']*)'$", PAGE, re.MULTILINE)
    url = "postgresql://deldokument:secret@10.0.0.10/deldokument" + added.replace("\\&", "&")
    assert TypeAdapter(DatabaseUrl).validate_python(url) == url
    assert {"sslmode=verify-full", "channel_binding=require"} <= set(url.partition("?")[2].split("&"))
