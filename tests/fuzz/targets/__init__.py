"""Fuzz targets: each takes bytes, calls one decoder or parser, and raises if a guarantee is broken.

A target ignores the errors that the code documents. Any other exception is a finding, and so is a failed assertion.
"""

from collections.abc import Callable

from tests.fuzz.targets import connection, decoders, downloads, forms, texts, uploads

Target = Callable[[bytes], None]

TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        decoders.manifest,
        decoders.inspection,
        decoders.field,
        decoders.grant,
        decoders.card,
        decoders.sealed,
        downloads.ranges,
        downloads.preconditions,
        downloads.disposition_header,
        uploads.metadata,
        uploads.checksum,
        uploads.concatenation,
        forms.multipart,
        forms.ks_form,
        forms.json_body,
        connection.request_heads,
        connection.socket_lending,
        texts.member_list,
        texts.csv_cells,
        texts.webhook_url,
        texts.search_token,
        texts.cursors,
        texts.numbers,
        texts.names,
    )
}
