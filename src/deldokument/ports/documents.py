"""What the use cases need to make papers of the agreements: their texts, a press that sets them, a seal for the result.

Contracts as in ports, each with its suite in tests/contract. A text reaches the press merged already, and whatever it
says is words to the press: nothing in it is run, followed or fetched. Deliberately does not know who signs, nor what
has been signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from deldokument.domain.agreement import AgreementKind, AgreementText


class TextCatalog(Protocol):
    """The texts that come with this version of the program."""

    def versions(self, kind: AgreementKind) -> tuple[str, ...]:
        """The versions of a text, oldest first; at least one."""
        ...

    def text(self, kind: AgreementKind, version: str) -> AgreementText:
        """The text with its placeholders. Raises NotFound when there is no such version."""
        ...


@dataclass(frozen=True, slots=True)
class RenderedDocument:
    """A text to be set: Markdown, with what stands in its margins and in the properties of the document.

    ``made_at`` is the only time in it: the same paper is the same bytes, whenever and wherever it is pressed.
    """

    markdown: str
    title: str
    version: str
    made_at: datetime


class DocumentRenderer(Protocol):
    """Sets Markdown (CommonMark and tables, without HTML and images) for paper and for the screen."""

    def pdf(self, paper: RenderedDocument) -> bytes:
        """A tagged PDF in bokmål, with title and version on every page. Raises Broken when it cannot be set."""
        ...

    def docx(self, paper: RenderedDocument) -> bytes:
        """A document to fill in, for Word and LibreOffice."""
        ...

    def html(self, markdown: str) -> str:
        """A fragment for a page, safe to show as it is. Headings begin at the second level."""
        ...


class DocumentSigner(Protocol):
    """The service's own signature on what it issues, by the key of its seal certificate.

    Whoever has the certificate can verify without us.
    """

    def check(self, at: datetime, /) -> None:
        """Raises Unavailable when nothing could be sealed ``at``: there is no seal, or its certificate is not valid."""
        ...

    def seal(self, pdf: bytes, *, reason: str, location: str, at: datetime) -> bytes:
        """The PDF with a signature (PAdES baseline B-B) over the whole of it; ``at`` is what it says of the time.

        Raises Unavailable as ``check``, Broken when it is no PDF.
        """
        ...

    def sign(self, data: bytes, /) -> bytes:
        """A signature over ``data``, detached, also after the certificate's time. Raises Unavailable without a seal.

        ``data`` begins with a label that nothing else signed has, so that a signature serves for one thing only.
        """
        ...

    def certificate(self) -> bytes:
        """The certificate that verifies both, as PEM. Raises Unavailable when there is no seal."""
        ...
