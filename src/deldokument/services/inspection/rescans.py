"""Scans on demand: every document of open shares is scanned again, for example after an update of the signatures.

The worker scans them, as it does after a day.
"""

from deldokument.domain.errors import Unavailable
from deldokument.ports.dependencies import Dependencies


def rescan_open_shares(deps: Dependencies) -> int:
    """Schedule a scan of every document of open shares; return their number.

    Recipients can download them meanwhile.

    Raises: Unavailable if there is no scanner, or it cannot be used.
    """
    if deps.scanner is None:
        raise Unavailable("scanner", detail="no scanner is configured: set DELDOKUMENT_SCANNER_URL")
    deps.scanner.engine()
    with deps.database.write() as tx:
        return tx.retention.schedule_rescans(deps.clock.now())
