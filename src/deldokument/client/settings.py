"""Settings of a client: from the environment, or from a file that the environment overrides.

Guarantees:
- Settings are complete. Otherwise NotConfigured names the missing settings, without values.
- Tokens and documents never use a connection without TLS, except to localhost.
"""

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from deldokument.client.errors import NotConfigured

PREFIX: Final = "DELDOKUMENT_CLIENT_"
DEFAULT_SCOPE: Final = "deldokument:share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a client.

    - ``url``: the service; https, or http for localhost
    - ``issuer``: Maskinporten's issuer, with its slash at the end
    - ``client_id``: the client at Maskinporten
    - ``key_path``: its private key, a JWK, or a JWK set whose first key signs
    - ``scope``: the scope to request
    - ``resource``: the audience to request; `load_settings` requests the service's URL by default
    - ``consumer_org``: for a supplier, the organisation that has delegated the scope in Altinn
    - ``state_dir``: folder for the state of unfinished shares

    Raises: NotConfigured if ``url`` or ``issuer`` is invalid.
    """

    url: str
    issuer: str
    client_id: str
    key_path: Path
    scope: str = DEFAULT_SCOPE
    resource: str | None = None
    consumer_org: str | None = None
    state_dir: Path

    def __post_init__(self) -> None:
        for name in ("url", "issuer"):
            if not is_safe(getattr(self, name)):
                raise NotConfigured(f"{PREFIX}{name.upper()} must be an https URL (http only for localhost)")


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of an environment and its configuration file.

    Raises: NotConfigured if a setting is missing, unknown or invalid, or the file cannot be read.
    """
    try:
        return _load(environment)
    except RuntimeError as error:
        # From pathlib: the user has no home folder.
        raise NotConfigured(f"{error} Name folders and files in full, with XDG_CONFIG_HOME and {PREFIX}*") from None


def _load(environment: Mapping[str, str]) -> Settings:
    known = {field.name for field in fields(Settings)}
    given = _of_file(environment, known)
    given |= {name: value for name in known if (value := environment.get(PREFIX + name.upper(), "").strip())}
    missing = [name for name in ("url", "issuer", "client_id", "key_path") if not given.get(name)]
    if missing:
        names = ", ".join(PREFIX + name.upper() for name in missing)
        raise NotConfigured(f"missing {names}, or the same in {_config_path(environment)}")
    url = given["url"].rstrip("/")
    return Settings(
        url=url,
        issuer=given["issuer"],
        client_id=given["client_id"],
        key_path=Path(given["key_path"]).expanduser(),
        scope=given.get("scope", DEFAULT_SCOPE),
        resource=given.get("resource", url),
        consumer_org=given.get("consumer_org"),
        state_dir=Path(given.get("state_dir") or _xdg(environment, "XDG_STATE_HOME", ".local/state")).expanduser(),
    )


def _of_file(environment: Mapping[str, str], known: set[str]) -> dict[str, str]:
    path = _config_path(environment)
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if f"{PREFIX}CONFIG" in environment:
            raise NotConfigured(f"{path} does not exist") from None
        return {}
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{path} cannot be read: {type(error).__name__}") from None
    if unknown := sorted(set(given) - known):
        raise NotConfigured(f"{path}: unknown {', '.join(unknown)}")
    if wrong := sorted(name for name, value in given.items() if not isinstance(value, str)):
        raise NotConfigured(f"{path}: {', '.join(wrong)} must be text")
    return given


def _config_path(environment: Mapping[str, str]) -> Path:
    named = environment.get(f"{PREFIX}CONFIG")
    return Path(named).expanduser() if named else _xdg(environment, "XDG_CONFIG_HOME", ".config") / "client.toml"


def _xdg(environment: Mapping[str, str], variable: str, otherwise: str) -> Path:
    base = environment.get(variable, "")
    # The XDG specification says to ignore relative paths.
    root = Path(base) if base.startswith("/") else Path.home() / otherwise
    return root / "deldokument"


def is_safe(url: str) -> bool:
    """Return whether a URL uses TLS, or http on localhost."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host)))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
