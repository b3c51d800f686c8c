"""What use cases read of the settings is passed on."""

from dataclasses import fields
from ipaddress import ip_network

import pytest

from deldokument.adapters.own_networks import own_networks
from deldokument.bootstrap.runtime import service_config
from deldokument.config.settings import Settings, load_settings
from deldokument.domain.service_config import ServiceConfig
from deldokument.domain.shares.policy import AccessRule
from tests.support.deployment.environments import WHOLE

SHARED = sorted({field.name for field in fields(ServiceConfig)} & set(Settings.model_fields))
CHANGED = {
    "api_requests_per_minute": "7",
    "refusals_per_hour": "7",
    "logins_per_hour": "7",
    "lookups_per_hour": "700",
    "drafts_per_hour": "7",
    "max_drafts": "7",
    "max_uploads": "7",
    "scan_policy": "encrypted=held",
    "public_url": "https://other.example",
}


@pytest.fixture(autouse=True)
def whole_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WHOLE.items():
        monkeypatch.setenv(f"DELDOKUMENT_{name}", value)


def test_some_settings_have_the_name_of_what_use_cases_read() -> None:
    assert set(CHANGED) <= set(SHARED)


@pytest.mark.parametrize("name", SHARED)
def test_a_setting_reaches_the_use_cases(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in CHANGED:
        monkeypatch.setenv(f"DELDOKUMENT_{name.upper()}", CHANGED[name])
    settings = load_settings()
    assert getattr(service_config(settings, AccessRule()), name) == getattr(settings, name)


def test_the_networks_of_webhooks_reach_the_use_cases_with_those_of_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DELDOKUMENT_WEBHOOK_NETWORKS", "10.20.0.0/16")
    monkeypatch.setenv("DELDOKUMENT_WEBHOOK_DENIED_NETWORKS", "129.241.0.0/16")
    rule = service_config(load_settings(), AccessRule()).webhooks
    assert rule.networks == {ip_network("10.20.0.0/16")}
    assert rule.denied == {ip_network("129.241.0.0/16")}
    assert rule.own == own_networks()
