"""Which files are for this process alone: its own, and those that systemd gives it."""

from pathlib import Path

import pytest

from deldokument.adapters.private_files import is_open_to_others

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("mode", "own", "credential"),
    [
        (0o600, False, False),
        (0o400, False, False),
        # systemd's mode where its access control list names the unit's account.
        (0o440, True, False),
        (0o460, True, True),
        (0o444, True, True),
        (0o604, True, True),
    ],
)
def test_a_credential_of_systemd_is_private_with_its_mask(
    mode: int, own: bool, credential: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "credentials"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert is_open_to_others(tmp_path / "seal.key", mode) is own
    assert is_open_to_others(folder / "deeper" / "seal.key", mode) is own
    assert is_open_to_others(folder / "SEAL_KEY", mode) is credential
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    assert is_open_to_others(folder / "SEAL_KEY", mode) is own
