"""Inspection of new documents, as a worker does it."""

from deldokument.ports.dependencies import Dependencies
from deldokument.services.inspection.documents import Inspector


def inspect_documents(deps: Dependencies, *, limit: int = 10) -> int:
    """One round of a worker that has just started; how many documents it inspected."""
    return Inspector(limit)(deps)
