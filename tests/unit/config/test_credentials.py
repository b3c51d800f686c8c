"""Settings that the service manager gives as files, so that no secret is in the environment."""

from pathlib import Path

import pytest

from deldokument.config.credentials import FOLDER_VARIABLE
from deldokument.config.settings import PREFIX, VARIABLES, ConfigurationError, load_settings
from tests.support.deployment.environments import KEYRING, MAIL, VERIFIED, WHOLE

SECRETS = {
    "ALTINN_SUBSCRIPTION_KEY": "altinns-secret",
    "DATABASE_URL": f"postgresql://serve:p@db.example/d?{VERIFIED}",
    "KEYRING_DATABASE_URL": KEYRING,
    "METRICS_TOKEN": "0123456789abcdef",
    "SEAL_KEY_PASSWORD": "seals-secret",
    "SMTP_USERNAME": "del",
    "SMTP_PASSWORD": "mails-secret",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the service manager puts credentials; the environment has everything but the secrets."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in (WHOLE | MAIL | {"KEYRING": "postgresql"}).items():
        if name not in SECRETS:
            monkeypatch.setenv(PREFIX + name, value)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def put(folder: Path, **values: str) -> None:
    for name, value in values.items():
        (folder / f"{PREFIX}{name}").write_text(value)


def test_every_secret_can_be_a_file_instead_of_a_variable(folder: Path) -> None:
    put(folder, **{name: f"{value}\n" for name, value in SECRETS.items()})
    settings = load_settings()
    assert settings.altinn is not None
    assert settings.smtp is not None
    assert settings.keyring_database is not None
    assert settings.metrics_token is not None
    found = {
        "ALTINN_SUBSCRIPTION_KEY": settings.altinn.subscription_key.get_secret_value(),
        "DATABASE_URL": settings.database_url,
        "KEYRING_DATABASE_URL": settings.keyring_database.url,
        "METRICS_TOKEN": settings.metrics_token.get_secret_value(),
        "SEAL_KEY_PASSWORD": settings.seal_key_password.get_secret_value(),
        "SMTP_USERNAME": settings.smtp.username,
        "SMTP_PASSWORD": settings.smtp.password.get_secret_value(),
    }
    assert found == SECRETS
    # The other settings of a group still come from the environment.
    assert settings.altinn.base_url == "https://platform.altinn.example"


def test_the_file_of_a_process_wins_over_the_settings_that_all_share(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, **SECRETS)
    monkeypatch.setenv("DELDOKUMENT_DATABASE_URL", "postgresql:///owner")
    assert load_settings().database_url == SECRETS["DATABASE_URL"]
    assert load_settings(database_url="postgresql:///given").database_url == "postgresql:///given"


def test_an_empty_file_is_no_setting_and_other_files_are_not_read(folder: Path) -> None:
    put(folder, **SECRETS | {"METRICS_TOKEN": "\n"})
    (folder / "DELDOKUMENT_SEAL_KEY").write_bytes(b"\xff")
    (folder / "PATH").write_text("/nowhere")
    assert load_settings().metrics_token is None


@pytest.mark.parametrize("content", [b"\xffsecret", b"secret" * 20_000])
def test_a_file_that_is_no_value_is_named_and_not_shown(folder: Path, content: bytes) -> None:
    put(folder, **SECRETS)
    (folder / "DELDOKUMENT_METRICS_TOKEN").write_bytes(content)
    with pytest.raises(ConfigurationError, match="DELDOKUMENT_METRICS_TOKEN") as caught:
        load_settings()
    assert "secret" not in str(caught.value)


def test_a_folder_that_is_gone_is_an_error_of_the_configuration(folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(ConfigurationError, match="credentials"):
        load_settings()


def test_without_a_service_manager_there_are_no_credentials(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, **SECRETS)
    monkeypatch.delenv(FOLDER_VARIABLE)
    with pytest.raises(ConfigurationError, match="ALTINN_SUBSCRIPTION_KEY"):
        load_settings()
