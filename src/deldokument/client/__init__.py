"""Del dokument for programs that share: a typed, synchronous client of the service's public API.

Stands alone: it knows nothing of the service's own code, and the service nothing of it. See docs/client.md.
"""

from deldokument.client.client import Client
from deldokument.client.errors import (
    ClientError,
    FieldFault,
    FileChanged,
    Interrupted,
    NotConfigured,
    Refused,
    Unreachable,
)
from deldokument.client.files import LocalFile
from deldokument.client.models import Account, Document, Receipt, Recipient, Share, To
from deldokument.client.settings import Settings, load_settings

__all__ = [
    "Account",
    "Client",
    "ClientError",
    "Document",
    "FieldFault",
    "FileChanged",
    "Interrupted",
    "LocalFile",
    "NotConfigured",
    "Receipt",
    "Recipient",
    "Refused",
    "Settings",
    "Share",
    "To",
    "Unreachable",
    "load_settings",
]
