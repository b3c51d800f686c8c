"""The malware scanner that the settings name."""

from __future__ import annotations

from urllib.parse import urlsplit

from deldokument.adapters.clamd import Address, ClamdScanner
from deldokument.adapters.icap import IcapScanner
from deldokument.config.groups import ScannerSettings
from deldokument.ports.inspection import Scanner

_MEGABYTE = 1_000_000


def open_scanner(settings: ScannerSettings) -> Scanner:
    """Return the scanner. Connects to nothing yet."""
    url = urlsplit(settings.url)
    max_bytes = settings.max_mb * _MEGABYTE
    if url.scheme in {"icap", "icaps"}:
        return IcapScanner(settings.url, max_bytes=max_bytes)
    address: Address = url.path if url.scheme == "unix" else (url.hostname or "", url.port or 0)
    return ClamdScanner(address, max_bytes=max_bytes)
