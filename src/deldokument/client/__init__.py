"""Python client of the public API, synchronous and typed (docs/client.md).

Imports nothing else of Del dokument. The command line imports it; adapters import only `jwt_grant`.

- `api`: one method per API call
- `approval`: a person's approval in a browser
- `client`: the class `Client`
- `errors`: errors that callers handle
- `files`: local files and folders to share
- `jwt_grant`: JWT bearer grant, which the service's adapters use too
- `models`: response types
- `offers`: a share as its recipient sees it
- `receiver`: receives the documents of a share
- `saved_files`: received documents as files
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
from deldokument.client.offers import Offer, OfferedDocument
from deldokument.client.receiver import Outcome, Received, Receiver, receive
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
    "Offer",
    "OfferedDocument",
    "Outcome",
    "Receipt",
    "Received",
    "Receiver",
    "Recipient",
    "Refused",
    "Settings",
    "Share",
    "To",
    "Unreachable",
    "load_settings",
    "receive",
]
