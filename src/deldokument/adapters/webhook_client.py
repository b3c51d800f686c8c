"""HTTP client for webhooks: sends one POST to a URL that others chose, after checking its address.

Guarantees:
- The name is resolved here, once, and the connection goes to a checked address. So DNS rebinding gains nothing.
- If one of a name's addresses is forbidden, all are refused.
- No redirects, proxies or cookies.
- At most `MAX_RESPONSE_BYTES` of a response are read, headers included.
- A call ends ten seconds after it was connected, however slowly the server sends.

The time of resolving a name is limited by the system's resolver only.
"""

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from deldokument.adapters.http.circuit_breaker import Breaker
from deldokument.adapters.http.client import CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS, ExpiringCache
from deldokument.domain.errors import InvalidInput
from deldokument.domain.messages.webhook import Address, AddressRule, WebhookUrl, parse_url
from deldokument.ports.channels import WebhookFailure, WebhookResponse

MAX_RESPONSE_BYTES: Final = 4096
_MAX_ADDRESSES: Final = 3
_BREAKERS: Final = 1000
_BREAKER_LIFETIME_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Time limits in seconds: per connection attempt, per read or write, and for everything after connecting."""

    connect: float = CONNECT_TIMEOUT_SECONDS
    step: float = READ_TIMEOUT_SECONDS
    total: float = 10.0


Resolver = Callable[[str, int], list[str]]


def system_resolver(host: str, port: int) -> list[str]:
    """Return a name's addresses, in the system's order of preference.

    Raises: OSError.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class WebhookClient:
    """The port `WebhookSender`.

    ``tls`` and ``resolve`` default to the system's; ``clock`` is monotonic.
    """

    def __init__(
        self,
        rule: AddressRule,
        *,
        tls: ssl.SSLContext | None = None,
        resolve: Resolver = system_resolver,
        clock: Callable[[], float] = time.monotonic,
        limits: TimeLimits | None = None,
    ) -> None:
        self._rule = rule
        self._tls = tls or ssl.create_default_context()
        self._resolve = resolve
        self._clock = clock
        self._limits = limits or TimeLimits()
        self._breakers: ExpiringCache[str, Breaker] = ExpiringCache(_BREAKERS, _BREAKER_LIFETIME_SECONDS, clock)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        """Post to a webhook; see the port."""
        try:
            target = parse_url(url, self._rule)
        except InvalidInput:
            return WebhookResponse(failure=WebhookFailure.ADDRESS)
        breaker = self._breaker(url)
        if not breaker.admits():
            return WebhookResponse(failure=WebhookFailure.SILENT)
        outcome = self._post(target, headers, body)
        if outcome.failure in {WebhookFailure.TIMEOUT, WebhookFailure.UNREACHABLE}:
            breaker.record_failure()
        else:
            breaker.record_answer()
        return outcome

    def _breaker(self, url: str) -> Breaker:
        """Return the breaker of this URL.

        Not of the host: one slow webhook must not silence others on a shared host.
        """
        known = self._breakers.get(url)
        if known is None:
            known = Breaker(self._clock)
            self._breakers.put(url, known, self._clock())
        return known

    def _post(self, target: WebhookUrl, headers: Mapping[str, str], body: bytes) -> WebhookResponse:
        try:
            addresses = self._addresses(target)
            if not addresses:
                return WebhookResponse(failure=WebhookFailure.ADDRESS)
            with (
                self._connect(addresses, target.port) as plain,
                self._secure(plain, target) as (connection, is_over),
            ):
                return WebhookResponse(_exchange(connection, is_over, target, headers, body))
        except TimeoutError:
            return WebhookResponse(failure=WebhookFailure.TIMEOUT)
        except ssl.SSLError:
            return WebhookResponse(failure=WebhookFailure.TLS)
        except (OSError, ValueError):
            return WebhookResponse(failure=WebhookFailure.UNREACHABLE)
        except http.client.HTTPException:
            return WebhookResponse(failure=WebhookFailure.MALFORMED)

    def _addresses(self, target: WebhookUrl) -> list[str]:
        """Return the addresses of the name; none if any of them is forbidden."""
        found = self._resolve(target.host, target.port)
        return found[:_MAX_ADDRESSES] if all(self._rule.admits(_address(text)) for text in found) else []

    @contextmanager
    def _connect(self, addresses: list[str], port: int) -> Iterator[socket.socket]:
        """Yield a connection to the first address that accepts.

        Raises: OSError of the last address.
        """
        failure = OSError("no address")
        for address in addresses:
            try:
                connection = socket.create_connection((address, port), timeout=self._limits.connect)
            except OSError as error:
                failure = error
                continue
            with connection:
                connection.settimeout(self._limits.step)
                yield connection
            return
        raise failure

    @contextmanager
    def _secure(self, plain: socket.socket, target: WebhookUrl) -> Iterator[tuple[socket.socket, threading.Event]]:
        """Yield the connection with TLS, and an event that is set when time is up.

        The certificate is checked against the name, not the address.
        """
        if not target.secure:
            with _deadline(plain, self._limits.total) as is_over:
                yield plain, is_over
            return
        with (
            self._tls.wrap_socket(plain, server_hostname=target.host, do_handshake_on_connect=False) as wrapped,
            _deadline(wrapped, self._limits.total) as is_over,
        ):
            wrapped.do_handshake()
            yield wrapped, is_over


def _address(text: str) -> Address:
    return ip_address(text.partition("%")[0])


@contextmanager
def _deadline(connection: socket.socket, seconds: float) -> Iterator[threading.Event]:
    """Shut the connection down after ``seconds``.

    A time limit per read does not stop a server that sends a byte now and then.
    """
    is_over = threading.Event()

    def hang_up() -> None:
        is_over.set()
        with suppress(OSError):
            # SSLSocket.shutdown would discard the object through which the other thread reads.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    except (OSError, http.client.HTTPException):
        if is_over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        # Let a running hang_up end first: the descriptor number that it shuts down may soon belong to another
        # connection.
        timer.join()


def _exchange(
    connection: socket.socket, is_over: threading.Event, target: WebhookUrl, headers: Mapping[str, str], body: bytes
) -> int:
    client = http.client.HTTPConnection(target.host, target.port)
    client.auto_open = 0  # must not resolve the name itself
    client.sock = connection
    client.response_class = _Answer
    client.request("POST", target.path, body, {"Host": _host_header(target), "Connection": "close", **headers})
    with client.getresponse() as answer:
        if is_over.is_set():
            # A head that was cut off is parsed as if it were complete.
            raise TimeoutError
        with suppress(OSError, http.client.HTTPException):
            answer.read(MAX_RESPONSE_BYTES)
        return answer.status


class _Answer(http.client.HTTPResponse):
    """A response of which only the beginning is read.

    Otherwise up to a hundred headers of 64 KiB each would be read.
    """

    def __init__(self, connection: socket.socket, *args: Any, **given: Any) -> None:
        super().__init__(connection, *args, **given)
        self.fp = io.BufferedReader(_Beginning(self.fp))


class _Beginning(io.RawIOBase):
    """The first bytes of a stream, followed by its end."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._left = MAX_RESPONSE_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        some = self._stream.read1(min(len(buffer), self._left))
        buffer[: len(some)] = some
        self._left -= len(some)
        return len(some)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _host_header(target: WebhookUrl) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == (443 if target.secure else 80) else f"{host}:{target.port}"
