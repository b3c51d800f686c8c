"""The PDF that comes of a signature, in the eyes of others' programs: pyHanko's validator and Debian's `pdfsig`."""

import io
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import PdfSignatureStatus, SignatureCoverageLevel, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from deldokument.services.agreements.status import agreements_of, signed_pdf
from tests.support.bulk.sample_files import text_of
from tests.support.stage.agreement_texts import name_administrator, publish_texts, sign
from tests.support.stage.stage import NOON, Stage


@pytest.fixture
def paper(stage: Stage) -> bytes:
    """The service agreement in the package, signed all the way."""
    publish_texts(stage)
    name_administrator(stage)
    stage.clock.advance(hours=1)
    sign(stage)
    agreement = agreements_of(stage.deps, tenant_id=stage.tenant.id).services[0].agreement
    return signed_pdf(stage.deps, tenant_id=stage.tenant.id, agreement_id=agreement.id)[1]


def validated(stage: Stage, pdf: bytes) -> PdfSignatureStatus:
    """What pyHanko's validator says, trusting the service's certificate and nothing else."""
    root = translate_pyca_cryptography_cert_to_asn1(x509.load_pem_x509_certificate(stage.deps.signer.certificate()))
    context = ValidationContext(trust_roots=[root], moment=NOON + timedelta(days=1), allow_fetching=False)
    [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    assert signature.self_reported_timestamp == NOON + timedelta(hours=1)
    return validate_pdf_signature(signature, context)


def pdfsig(pdf: bytes, folder: Path) -> str:
    """What poppler-utils says."""
    path = folder / "paper.pdf"
    path.write_bytes(pdf)
    return subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout


def test_the_signed_agreement_verifies_with_both_and_covers_every_page(
    stage: Stage, paper: bytes, tmp_path: Path
) -> None:
    status = validated(stage, paper)
    assert (status.intact, status.valid, status.trusted, status.bottom_line) == (True, True, True, True)
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    output = pdfsig(paper, tmp_path)
    assert "Signature is Valid." in output
    assert "Total document signed" in output


def test_the_signature_is_on_a_page_of_its_own_behind_the_whole_text(paper: bytes) -> None:
    pages = text_of(paper).split("\f")
    assert "Tjenesteavtale for Del dokument" in pages[0]
    [at] = [number for number, page in enumerate(pages) if "Avtalen er signert digitalt" in page]
    assert "Slik signeres avtalen" in pages[at - 1]
    assert "Slik signeres avtalen" not in pages[at]
    assert pages[at].split("\n", 3)[0].startswith("Tjenesteavtale for Del dokument")


@pytest.mark.parametrize("place", [0.05, 0.3, 0.6, 0.85])
def test_a_changed_byte_of_the_signed_agreement_fails_with_both(
    stage: Stage, paper: bytes, tmp_path: Path, place: float
) -> None:
    end = paper.rindex(b"/ByteRange")
    at = int(end * place)
    changed = paper[:at] + bytes([paper[at] ^ 1]) + paper[at + 1 :]
    assert "Signature is Valid." not in pdfsig(changed, tmp_path)
    try:
        status = validated(stage, changed)
    except Exception:  # the change may leave no PDF that can be read
        return
    assert not status.intact
    assert not status.bottom_line
