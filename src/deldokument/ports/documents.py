"""Contracts for the documents of agreements: text catalogue, renderer, PDF signing.

The renderer gets a text whose placeholders are filled in. The text is untrusted: no part of it is executed, followed or
fetched.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.tenants.agreement import AgreementKind, AgreementText


class TextCatalog(Protocol):
    """The agreement texts that come with this version of the program."""

    def versions(self, kind: AgreementKind) -> tuple[str, ...]:
        """Return the versions of a text, oldest first; at least one."""
        ...

    def text(self, kind: AgreementKind, version: str) -> AgreementText:
        """Return the text with its placeholders. Raises: NotFound if there is no such version."""
        ...


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """A text to be rendered: Markdown, and the contents of the page margins and of the document properties.

    ``made_at`` is the only time in the result: the same document renders to the same bytes, at any time and on any
    node. ``version`` may be empty. ``language`` is ``nb``, ``nn`` or ``en``. ``is_dense``: little space between rows.
    """

    markdown: str
    title: str
    version: str
    made_at: datetime
    language: str = "nb"
    is_dense: bool = False


class DocumentRenderer(Protocol):
    """Renderer of Markdown (CommonMark with tables, but without HTML and images) as PDF, Word and HTML."""

    def pdf(self, paper: RenderedDocument) -> bytes:
        """Return a tagged PDF in the document's language, with title and version on every page.

        Raises: Broken if it cannot be rendered.
        """
        ...

    def docx(self, paper: RenderedDocument) -> bytes:
        """Return a document to be filled in with Word or LibreOffice."""
        ...

    def html(self, markdown: str) -> str:
        """Return an HTML fragment that is safe to show unescaped. Headings begin at the second level."""
        ...


class DocumentSigner(Protocol):
    """Signer of documents that the service issues, with the key of its seal certificate.

    The signature can be verified with the certificate alone, without this service.
    """

    def check(self, at: datetime, /) -> None:
        """Raise Unavailable if nothing can be signed ``at``: no seal is configured, or its certificate is not valid."""
        ...

    def seal(self, pdf: bytes, *, reason: str, location: str, at: datetime) -> bytes:
        """Return the PDF with a signature (PAdES baseline B-B) over all of it.

        ``at`` is the signing time that the signature states.

        Raises: Unavailable as ``check`` does; Broken if ``pdf`` is not a PDF.
        """
        ...

    def sign(self, data: bytes, /) -> bytes:
        """Return a detached signature over ``data``, even if the certificate has expired.

        ``data`` begins with a label that no other signed data has, so a signature is valid for one purpose only.

        Raises: Unavailable if no seal is configured.
        """
        ...

    def certificate(self) -> bytes:
        """Return the certificate that verifies both kinds of signature, as PEM. Raises: Unavailable without a seal."""
        ...
