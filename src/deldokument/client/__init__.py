"""Python client of the public API, synchronous and typed (docs/client.md).

Imports nothing else of Del dokument. Only the command line imports it, and adapters `jwt_grant`.

- `api`: one method per API call
- `client`: the class `Client`
- `errors`: errors that callers handle
- `files`: local files and folders to share
- `jwt_grant`: JWT bearer grant, which the service's adapters use too
- `models`: response types
- `settings`: settings from the environment or a file
- `sharing`: a whole share: draft, parallel uploads, publication, resumption
- `state`: progress on disk, so that an interrupted share resumes
- `tokens`: access tokens from Maskinporten
- `transport`: HTTP requests with retries
- `uploads`: tus uploads, resumed and in parallel
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
from deldokument.client.models import Account, Document, Event, Receipt, Recipient, Share, To
from deldokument.client.settings import Settings, load_settings

__all__ = [
    "Account",
    "Client",
    "ClientError",
    "Document",
    "Event",
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
