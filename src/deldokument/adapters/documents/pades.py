"""PDF signatures with pyHanko: PAdES baseline B-B.

Guarantees:
- The signature covers the whole file and allows no later change.
- Its signing time is the ``at`` that the caller passes.

Has no timestamp from an authority (RFC 3161), and does not know where keys come from.
"""

import io
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1, translate_pyca_cryptography_key_to_asn1
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers.pdf_cms import SimpleSigner
from pyhanko.sign.signers.pdf_signer import PdfSignatureMetadata, PdfSigner, PdfSigningSession
from pyhanko_certvalidator.registry import SimpleCertificateStore

from deldokument.domain.errors import Broken

FIELD: Final = "Segl"
"""The name of the signature field."""


def signed_pdf(
    pdf: bytes,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    certificates: tuple[x509.Certificate, ...],
    *,
    reason: str,
    location: str,
    at: datetime,
) -> bytes:
    """Return the PDF with the signature appended; the first certificate is the key's.

    Raises: Broken if it is not a PDF.
    """
    metadata = PdfSignatureMetadata(
        field_name=FIELD,
        md_algorithm="sha256",
        reason=reason,
        location=location,
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    leaf, *chain = map(translate_pyca_cryptography_cert_to_asn1, certificates)
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(chain)
    signer = _SignerAt(metadata, SimpleSigner(leaf, translate_pyca_cryptography_key_to_asn1(key), store), at)
    try:
        signed = signer.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)))
    except (PdfError, ValueError, LookupError, TypeError) as error:  # pyHanko raises all of these
        raise Broken(f"seal: {error}") from error
    return bytes(signed.getvalue())


class _SignerAt(PdfSigner):
    """A signer that takes the signing time from its caller, not from this machine's clock."""

    def __init__(self, metadata: PdfSignatureMetadata, signer: SimpleSigner, at: datetime) -> None:
        super().__init__(metadata, signer)
        self._at = at

    def init_signing_session(self, pdf_out: BasePdfFileWriter, existing_fields_only: bool = False) -> PdfSigningSession:
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self._at
        return session
