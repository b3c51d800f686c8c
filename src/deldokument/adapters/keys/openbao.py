"""A connection to OpenBao, logged in as the service by AppRole.

Promises that every call ends within a bounded time, that what is sealed, unreachable, forbidden or not understood is
Unavailable, and that no secret stands in an error. A token lives as short as its role says: a new one is fetched when
two thirds of its life are over, and once when a call is forbidden, for it may have been revoked. Deliberately does not
know what is kept there.
"""

from __future__ import annotations

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
"""How many calls go on at once."""

TIMEOUT: Final = (2.0, 5.0)
_RENEWED_AFTER: Final = 2 / 3
# Whatever is called may be called twice: writes say which version they replace.
_RETRY: Final = Retry(
    total=2,
    backoff_factor=0.2,
    status_forcelist=(502, 503, 504),
    allowed_methods=None,
    raise_on_status=False,
    respect_retry_after_header=False,
)


class Refused(Exception):
    """OpenBao says that a request is wrong (400); the text says how, and the caller knows what that means."""


class OpenBao:
    """For any number of threads."""

    def __init__(
        self,
        url: str,
        role_id: str,
        secret_id_path: Path,
        ca_path: Path | None = None,
        *,
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        """Logs in. Raises Unavailable. ``timeout``: seconds to connect and to wait for each answer."""
        self._role_id = role_id
        self._secret_id_path = secret_id_path
        self._session = requests.Session()
        # Neither proxies nor certificates of the environment, nor credentials from .netrc.
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
        """The data at a path, or None when there is nothing."""
        return self._called("get", path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The data answered to a body. Raises Refused."""
        return self._called("post", path, json=body) or {}

    def names(self, path: str, *, after: str, limit: int) -> list[str]:
        """So many names below a path, in order, that come after one."""
        found = self._called("list", path, params={"after": after, "limit": limit} if after else {"limit": limit})
        return list(found["keys"]) if found else []

    def delete(self, path: str) -> None:
        """Remove what is at a path, if it is there."""
        self._called("delete", path)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _called(self, method: str, path: str, **given: Any) -> dict[str, Any] | None:
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
            # Their texts hold addresses; the names of the classes say enough.
            raise Unavailable("keyring", detail=f"OpenBao: {type(error).__name__}") from None
        if getattr(answer, "status_code", None) == 204:
            return None
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise Unavailable("keyring", detail="OpenBao's answer is not understood")
        return data

    def _log_in(self, seen: float) -> None:
        """Fetch a new token, unless another thread has done so since ``seen``; or has tried in vain meanwhile."""
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
