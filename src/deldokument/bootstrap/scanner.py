"""The malware scanner that the settings name."""

from typing import Unpack
from urllib.parse import urlsplit

from deldokument.adapters.clamd import Address, ClamdScanner, Limits
from deldokument.adapters.icap import IcapScanner
from deldokument.config.groups import ScannerSettings
from deldokument.ports.inspection import Scanner

ANSWER_SECONDS = 2.0
"""Time for each step of an answer that a metric waits for: monitoring waits ten seconds for all metrics."""
_MEGABYTE = 1_000_000


def open_scanner(settings: ScannerSettings, **limits: Unpack[Limits]) -> Scanner:
    """Return the scanner. Connects to nothing yet."""
    url = urlsplit(settings.url)
    limits["max_bytes"] = settings.max_mb * _MEGABYTE
    if url.scheme in {"icap", "icaps"}:
        return IcapScanner(settings.url, **limits)
    address: Address = url.path if url.scheme == "unix" else (url.hostname or "", url.port or 0)
    return ClamdScanner(address, **limits)


def is_scanner_up(settings: ScannerSettings) -> bool:
    """Return whether the scanner answers within seconds. No document is scanned."""
    limits = Limits(connect_seconds=ANSWER_SECONDS, send_seconds=ANSWER_SECONDS, reply_seconds=ANSWER_SECONDS)
    return open_scanner(settings, **limits).answers()
