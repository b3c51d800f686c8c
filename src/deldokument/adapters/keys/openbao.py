"""A connection to OpenBao, logged in as the service by AppRole.

Guarantees:
- Every call ends within bounded time.
- A sealed, unreachable or forbidding OpenBao, or a response that is not understood, raises Unavailable.
- No error contains a secret.

A token's lifetime is set by its role. A new one is fetched after two thirds of it, and once when a call is
forbidden, because the token may have been revoked. Does not know what is stored in OpenBao.
"""

import threading
import time
from pathlib import Path
from typing import Any, Final

import hvac
import requests
from hvac.exceptions import Forbidden, InvalidPath, InvalidRequest, VaultError
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from deldokument.adapters.keys.files import read_private
from deldokument.domain.errors import Unavailable

CONNECTIONS: Final = 16
"""The number of simultaneous calls."""

TIMEOUT: Final = (2.0, 5.0)
_RENEWED_AFTER: Final = 2 / 3
# Every call may be repeated, because writes name the version that they replace.
_RETRY: Final = Retry(
    total=2,
    backoff_factor=0.2,
    status_forcelist=(502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,
)


class Refused(Exception):
    """OpenBao rejects a request (400).

    The text has OpenBao's reason; the caller interprets it.
    """


class OpenBao:
    """A client of OpenBao. Thread-safe."""

    def __init__(
        self,
        url: str,
        role_id: str,
        secret_id_path: Path,
        ca_path: Path | None = None,
        *,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        """Log in. ``timeout`` is the seconds to connect and to wait for each response.

        Raises: Unavailable.
        """
        self._role_id = role_id
        self._secret_id_path = secret_id_path
        self._session = requests.Session()
        # Ignore the environment's proxies and certificates, and credentials from .netrc.
        self._session.trust_env = False
        self._session.verify = verify = str(ca_path) if ca_path else True
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS, pool_block=True, max_retries=_RETRY))
        self._client = hvac.Client(url=url, token="", timeout=timeout, session=self._session, verify=verify)
        self._lock = threading.Lock()
        self._renew_at = 0.0
        self._failures = 0
        try:
            self._log_in(self._renew_at)
        except BaseException:
            self.close()
            raise

    def get(self, path: str) -> dict[str, Any] | None:
        """Return the data at a path, or None if there is none."""
        return self._call("get", path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the data of the response to a body.

        Raises: Refused.
        """
        return self._call("post", path, json=body) or {}

    def names(self, path: str, *, after: str, limit: int) -> list[str]:
        """Return up to ``limit`` names below a path that sort after ``after``, in order."""
        found = self._call("list", path, params={"after": after, "limit": limit} if after else {"limit": limit})
        return list(found["keys"]) if found else []

    def delete(self, path: str) -> None:
        """Remove the data at a path, if there is any."""
        self._call("delete", path)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _call(self, method: str, path: str, **given: Any) -> dict[str, Any] | None:
        renew_at = self._renew_at
        if time.monotonic() > renew_at:
            self._log_in(renew_at)
        try:
            return self._answer(method, path, given)
        except Forbidden:
            self._log_in(renew_at)
        try:
            return self._answer(method, path, given)
        except Forbidden:
            raise Unavailable("keyring", detail="OpenBao forbids it: is the policy the one that is supplied?") from None

    def _answer(self, method: str, path: str, given: dict[str, Any]) -> dict[str, Any] | None:
        try:
            answer = self._client.adapter.request(method, f"/v1/{path}", **given)
        except InvalidPath:
            return None
        except InvalidRequest as error:
            if method != "post":
                raise Unavailable("keyring", detail="OpenBao does not understand what it is asked") from None
            raise Refused(str(error.text)) from None
        except Forbidden:
            raise
        except (VaultError, requests.RequestException) as error:
            # Their texts contain addresses; the class name is enough.
            raise Unavailable("keyring", detail=f"OpenBao: {type(error).__name__}") from None
        if getattr(answer, "status_code", None) == 204:
            return None
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise Unavailable("keyring", detail="OpenBao's answer is not understood")
        return data

    def _log_in(self, seen: float) -> None:
        """Fetch a new token, unless another thread has fetched one since ``seen``.

        Raises: Unavailable, also if another thread failed meanwhile.
        """
        failures = self._failures
        with self._lock:
            if self._renew_at != seen:
                return
            if self._failures != failures:
                raise Unavailable("keyring", detail="OpenBao let nobody in a moment ago")
            secret_id = read_private(self._secret_id_path).decode("ascii", "replace")
            began = time.monotonic()
            try:
                answer = self._client.auth.approle.login(self._role_id, secret_id)
                life = float(answer["auth"]["lease_duration"])
            except (VaultError, requests.RequestException, KeyError, TypeError, ValueError) as error:
                self._failures += 1
                raise Unavailable("keyring", detail=f"OpenBao lets nobody in: {type(error).__name__}") from None
            self._renew_at = began + life * _RENEWED_AFTER
