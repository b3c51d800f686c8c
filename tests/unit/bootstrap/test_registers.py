"""The registers as they are composed: one client key read once, and nothing half configured."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
from joserfc.jwk import RSAKey

from deldokument.adapters.http.circuit_breaker import FAILURES
from deldokument.bootstrap.registers import open_registers
from deldokument.config.settings import ConfigurationError, Settings, load_settings
from deldokument.domain.errors import ServiceError
from deldokument.domain.identifiers import OrganizationNumber, PersonIdentifier
from tests.support.deployment.environments import DEMO, WHOLE
from tests.support.faults.rsa_keys import rsa_key
from tests.support.stage.stage import FJELL, OLA


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "client.json"
    path.write_text(json.dumps(rsa_key("client").as_dict(private=True)))
    return path


def settings(idporten: Path, maskinporten: Path, **other: object) -> Settings:
    given = {name.lower(): value for name, value in WHOLE.items()}
    paths = {"idporten_client_key_path": idporten, "maskinporten_client_key_path": maskinporten}
    return load_settings(**given | paths | other)


def parsed(chosen: Settings) -> int:
    """How many keys are parsed, which takes the better part of a start."""
    with patch.object(RSAKey, "import_key", wraps=RSAKey.import_key) as parse:
        open_registers(chosen).clients.close()
    return parse.call_count


def test_a_key_that_both_registers_know_is_parsed_once(key: Path, tmp_path: Path) -> None:
    assert parsed(settings(key, key)) == 1
    other = tmp_path / "other.json"
    other.write_bytes(key.read_bytes())
    assert parsed(settings(key, other)) == 2


@pytest.mark.parametrize("content", [None, "no JSON", "[]", '{"keys": []}'])
def test_an_invalid_client_key_is_named(key: Path, tmp_path: Path, content: str | None) -> None:
    other = tmp_path / "other.json"
    if content is not None:
        other.write_text(content)
    for pair in ((key, other), (other, key)):
        with pytest.raises(ConfigurationError, match=f"client key {other}: "):
            open_registers(settings(*pair))


def test_each_breaker_is_that_of_its_register(key: Path) -> None:
    # Nothing listens on the discard port.
    silent = dict.fromkeys(
        ("idporten_issuer", "maskinporten_issuer", "altinn_base_url", "enhetsregisteret_base_url"),
        "http://127.0.0.1:9/",
    )
    registers = open_registers(settings(key, key, **{name.lower(): value for name, value in DEMO.items()}, **silent))
    calls: dict[str, Callable[[], object]] = {
        "altinn": lambda: registers.rights.grants(PersonIdentifier(OLA, "foedselsnummer")),
        "enhetsregisteret": lambda: registers.organizations.find(OrganizationNumber(FJELL)),
        "idporten": lambda: registers.login.begin("nb"),
    }
    open_ones: dict[str, bool] = {}
    for name, breaker in registers.breakers.items():
        breaker.observe = partial(open_ones.__setitem__, name)
    for called, call in calls.items():
        for _ in range(FAILURES):
            assert not open_ones.get(called)
            with pytest.raises(ServiceError):
                call()
        assert open_ones.pop(called)
        assert not open_ones
    registers.breakers["altinn"].record_answer()
    assert open_ones == {"altinn": False}
    assert registers.breakers.keys() == calls.keys()
    registers.clients.close()


def test_registers_without_settings_are_left_out() -> None:
    with pytest.raises(ConfigurationError, match="the registers are not configured; only `deldokument demo`"):
        open_registers(load_settings(**{name.lower(): value for name, value in DEMO.items()}))
