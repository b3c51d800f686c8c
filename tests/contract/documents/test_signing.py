"""The seal: what is sealed verifies with others' programs and shows every change; the key's files are kept close."""

import io
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import (
    PdfSignatureStatus,
    SignatureCoverageLevel,
    validate_pdf_signature,
)
from pyhanko_certvalidator import ValidationContext

from deldokument.adapters.documents.pades import FIELD
from deldokument.adapters.documents.renderer import MarkdownRenderer
from deldokument.adapters.documents.signing import (
    MissingSeal,
    PdfSigner,
    create_seal_certificate,
    load_seal,
    verify_signature,
)
from deldokument.domain.errors import Broken, Conflict, Unavailable
from deldokument.ports.documents import DocumentSigner, RenderedDocument
from tests.support.deployment.process_limits import files_no_longer_than

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PDF = MarkdownRenderer().pdf(RenderedDocument("# Avtale\n\nPrisen er 100 kroner.\n", "Avtale", "1.0", NOON))
DATA = b"deldokument/audit-head/1 0123"


def new_seal(folder: Path, name: str = "Del dokument") -> PdfSigner:
    paths = folder / "seal.key", folder / "seal.pem"
    return create_seal_certificate(*paths, operator_name=name, operator_number="310240001", at=NOON)


def loaded(folder: Path, password: str = "") -> DocumentSigner:
    return load_seal(folder / "seal.key", folder / "seal.pem", password)


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> PdfSigner:
    return new_seal(tmp_path_factory.mktemp("seal"))


@pytest.fixture(scope="module")
def sealed(seal: PdfSigner) -> bytes:
    return seal.seal(PDF, reason="Tjenesteavtale signert", location="Norge", at=NOON)


def validated(pdf: bytes, certificate: bytes) -> PdfSignatureStatus:
    """What pyHanko's validator says of the one signature, trusting the certificate alone."""
    root = translate_pyca_cryptography_cert_to_asn1(x509.load_pem_x509_certificate(certificate))
    context = ValidationContext(trust_roots=[root], moment=NOON + timedelta(days=30), allow_fetching=False)
    [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return validate_pdf_signature(signature, context)


def pdfsig(pdf: bytes, path: Path) -> str:
    """What Debian's poppler-utils says."""
    path.write_bytes(pdf)
    return subprocess.run(["pdfsig", "-nocert", str(path)], capture_output=True, text=True, check=False).stdout


def test_a_sealed_pdf_is_valid_trusted_and_covered_whole(seal: PdfSigner, sealed: bytes) -> None:
    status = validated(sealed, seal.certificate())
    assert (status.intact, status.valid, status.trusted, status.bottom_line) == (True, True, True, True)
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert status.modification_level is ModificationLevel.NONE
    assert sealed.startswith(PDF)


def test_the_signature_says_what_when_and_by_which_standard(sealed: bytes) -> None:
    [signature] = PdfFileReader(io.BytesIO(sealed)).embedded_signatures
    assert signature.field_name == FIELD
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.sig_object["/Reason"] == "Tjenesteavtale signert"
    assert signature.sig_object["/Location"] == "Norge"
    assert signature.self_reported_timestamp == NOON
    attributes = {attribute["type"].native for attribute in signature.signer_info["signed_attrs"]}
    assert "signing_certificate_v2" in attributes
    assert "signing_time" not in attributes


def test_debians_verifier_finds_it_valid_and_total(sealed: bytes, tmp_path: Path) -> None:
    output = pdfsig(sealed, tmp_path / "sealed.pdf")
    assert "Signature is Valid." in output
    assert "Total document signed" in output
    assert "Signer Certificate Common Name: Del dokument" in output


@pytest.mark.parametrize("place", [0.001, 0.1, 0.5, 0.8, 0.999])
def test_a_changed_byte_fails_with_both_verifiers(seal: PdfSigner, sealed: bytes, tmp_path: Path, place: float) -> None:
    at = int(len(PDF) * place)
    changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
    assert "Signature is Valid." not in pdfsig(changed, tmp_path / "changed.pdf")
    try:
        status = validated(changed, seal.certificate())
    except Exception:  # the change may leave no PDF that can be read
        return
    assert not status.intact
    assert not status.bottom_line


def test_other_words_of_the_same_length_fail(seal: PdfSigner, sealed: bytes, tmp_path: Path) -> None:
    changed = sealed.replace(b"Avtale</rdf:li>", b"Avtala</rdf:li>", 1)
    assert changed != sealed
    status = validated(changed, seal.certificate())
    assert (status.intact, status.bottom_line) == (False, False)
    assert "Signature Validation: Digest Mismatch." in pdfsig(changed, tmp_path / "changed.pdf")


def test_what_is_added_after_the_seal_shows(seal: PdfSigner, sealed: bytes, tmp_path: Path) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    writer.root["/Lang"] = writer.root["/Type"]
    writer.update_root()  # type: ignore[no-untyped-call]
    added = io.BytesIO()
    writer.write(added)  # type: ignore[no-untyped-call]
    status = validated(added.getvalue(), seal.certificate())
    assert status.coverage is not SignatureCoverageLevel.ENTIRE_FILE
    assert not status.bottom_line
    assert "Total document signed" not in pdfsig(added.getvalue(), tmp_path / "added.pdf")


def test_another_deployments_certificate_does_not_vouch_for_it(sealed: bytes, tmp_path: Path) -> None:
    assert not validated(sealed, new_seal(tmp_path).certificate()).trusted


def test_a_sealed_pdf_still_says_that_it_is_for_the_archive_and_for_everybody(sealed: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(sealed)
    about = subprocess.run(["pdfinfo", "-meta", str(tmp_path / "a.pdf")], capture_output=True, text=True, check=True)
    assert "pdfaid:part" in about.stdout
    assert "pdfuaid:part" in about.stdout


@pytest.mark.parametrize("junk", [b"", b"no PDF", b"%PDF-1.7\n%%EOF", PDF[:2000], PDF[len(PDF) // 2 :]])
def test_a_file_that_is_no_pdf_is_not_sealed(seal: PdfSigner, junk: bytes) -> None:
    with pytest.raises(Broken):
        seal.seal(junk, reason="r", location="l", at=NOON)


def test_nothing_is_sealed_outside_the_certificates_time(seal: PdfSigner) -> None:
    for at in (
        seal.leaf.not_valid_before_utc - timedelta(seconds=1),
        seal.leaf.not_valid_after_utc + timedelta(seconds=1),
    ):
        for use in (lambda at: seal.seal(PDF, reason="r", location="l", at=at), seal.check):
            with pytest.raises(Unavailable) as caught:
                use(at)
            assert caught.value.code == "seal_expired"


def test_a_process_that_seals_nothing_does_not_wait_for_what_seals() -> None:
    line = (
        "import sys, deldokument.bootstrap.runtime; print([name for name in sys.modules if name.startswith('pyhanko')])"
    )
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_signature_verifies_with_the_certificate_alone_and_over_these_bytes_only(seal: PdfSigner) -> None:
    signature = seal.sign(DATA)
    assert verify_signature(seal.certificate(), DATA, signature)
    assert not verify_signature(seal.certificate(), DATA + b"4", signature)
    assert not verify_signature(seal.certificate(), DATA, signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not verify_signature(seal.certificate(), DATA, b"")


def test_a_signature_of_another_seal_does_not_verify(seal: PdfSigner, tmp_path: Path) -> None:
    assert not verify_signature(seal.certificate(), DATA, new_seal(tmp_path).sign(DATA))


@pytest.mark.parametrize("certificate", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_verifies_nothing(certificate: bytes) -> None:
    with pytest.raises(Broken):
        verify_signature(certificate, DATA, b"")


def odd_certificate(certificate: bytes, known: str) -> bytes:
    """The same, but that what it has a known kind of is of a kind that nobody knows."""
    der = ssl.PEM_cert_to_DER_cert(certificate.decode())
    return ssl.DER_cert_to_PEM_cert(der.replace(bytes.fromhex(known), bytes.fromhex(known[:-2] + "77"))).encode()


KEY_KIND, CURVE = "06072a8648ce3d0201", "06082a8648ce3d030107"


@pytest.mark.parametrize("known", [KEY_KIND, CURVE])
def test_a_certificate_with_a_key_of_an_unknown_kind_verifies_nothing(seal: PdfSigner, known: str) -> None:
    with pytest.raises(Broken):
        verify_signature(odd_certificate(seal.certificate(), known), DATA, b"")


def test_the_certificate_names_the_operator_and_is_for_signing_alone(seal: PdfSigner) -> None:
    certificate = x509.load_pem_x509_certificate(seal.certificate())
    names = {attribute.oid: attribute.value for attribute in certificate.subject}
    assert names[NameOID.ORGANIZATION_NAME] == names[NameOID.COMMON_NAME] == "Del dokument"
    assert names[NameOID.ORGANIZATION_IDENTIFIER] == "NTRNO-310240001"
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment) == (True, True)
    assert not any((usage.key_cert_sign, usage.key_encipherment, usage.crl_sign))
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_before_utc < NOON < certificate.not_valid_after_utc


def test_an_operator_with_a_long_name_and_no_number_has_a_certificate_too(tmp_path: Path) -> None:
    paths = tmp_path / "k", tmp_path / "c"
    seal = create_seal_certificate(*paths, operator_name="x" + "Ø" * 300, operator_number="", at=NOON)
    assert not seal.leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)


def test_key_and_certificate_are_their_owners_alone(tmp_path: Path) -> None:
    new_seal(tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("existing", ["seal.key", "seal.pem"])
def test_a_key_or_certificate_is_never_overwritten(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_bytes(b"kept")
    with pytest.raises(Conflict):
        new_seal(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {existing: b"kept"}


def test_of_two_concurrent_creations_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_seal(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda _path: False)
    with pytest.raises(Conflict):
        new_seal(tmp_path)


def test_without_space_for_both_there_is_neither_and_the_next_try_creates_them(tmp_path: Path) -> None:
    with files_no_longer_than(100), pytest.raises(Unavailable, match="File too large"):
        new_seal(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert new_seal(tmp_path).certificate() == loaded(tmp_path).certificate()


def test_a_certificate_in_a_missing_folder_is_reported_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="nowhere"):
        new_seal(tmp_path / "nowhere")


def test_a_created_seal_is_loaded(tmp_path: Path) -> None:
    fresh = new_seal(tmp_path)
    again = loaded(tmp_path)
    assert again.certificate() == fresh.certificate()
    assert verify_signature(fresh.certificate(), DATA, again.sign(DATA))


def test_without_files_every_use_says_that_the_seal_is_missing(tmp_path: Path) -> None:
    seal = loaded(tmp_path)
    assert isinstance(seal, MissingSeal)
    uses: list[Callable[[], object]] = [
        lambda: seal.seal(PDF, reason="r", location="l", at=NOON),
        lambda: seal.sign(DATA),
        seal.certificate,
        lambda: seal.check(NOON),
    ]
    for use in uses:
        with pytest.raises(Unavailable) as caught:
            use()
        assert caught.value.code == "seal_missing"


def refusal(folder: Path, password: str = "") -> str:
    with pytest.raises(Unavailable) as caught:
        loaded(folder, password)
    assert caught.value.code == "seal"
    return caught.value.detail


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    new_seal(tmp_path)
    (tmp_path / "seal.key").chmod(mode)
    assert "chmod 600" in refusal(tmp_path)


def test_half_a_seal_is_refused(tmp_path: Path) -> None:
    new_seal(tmp_path)
    (tmp_path / "seal.pem").rename(tmp_path / "away.pem")
    assert "seal.pem" in refusal(tmp_path)
    (tmp_path / "away.pem").rename(tmp_path / "seal.pem")
    (tmp_path / "seal.key").unlink()
    assert "no key at" in refusal(tmp_path)


@pytest.mark.parametrize("known", [KEY_KIND, CURVE])
def test_a_certificate_with_a_key_of_an_unknown_kind_is_refused(tmp_path: Path, known: str) -> None:
    (tmp_path / "seal.pem").write_bytes(odd_certificate(new_seal(tmp_path).certificate(), known))
    assert "seal.pem" in refusal(tmp_path)


def test_a_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    new_seal(tmp_path)
    new_seal(tmp_path / "other")
    (tmp_path / "other" / "seal.pem").replace(tmp_path / "seal.pem")
    assert "not for the key" in refusal(tmp_path)


@pytest.mark.parametrize("junk", [b"", b"x" * 100, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_refused_by_its_name(tmp_path: Path, junk: bytes) -> None:
    new_seal(tmp_path)
    (tmp_path / "seal.key").write_bytes(junk)
    assert "seal.key" in refusal(tmp_path)


def test_a_folder_in_the_place_of_the_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "seal.key").mkdir()
    assert "seal.key" in refusal(tmp_path)


def bundle(folder: Path, key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, password: str) -> x509.Certificate:
    """A PKCS#12 file with a certificate from an issuer, as bought ones come; returns the issuer's."""
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    issuer = _issued("Utsteder", issuer_key, issuer_key, "Utsteder")
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    packed = pkcs12.serialize_key_and_certificates(
        b"segl", key, _issued("Del dokument", key, issuer_key, "Utsteder"), [issuer], encryption
    )
    (folder / "seal.key").write_bytes(packed)
    (folder / "seal.key").chmod(0o600)
    return issuer


def _issued(
    name: str,
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    issuer: str,
    *,
    signs: bool = True,
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    usage = dict.fromkeys(
        ("data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only"), False
    ) | {"key_encipherment": not signs, "digital_signature": signs, "content_commitment": signs}
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=1))
        .not_valid_after(NOON + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(key_cert_sign=name == issuer, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .sign(by, SHA256())
    )


@pytest.mark.parametrize("password", ["", "hemmelig æøå"])
def test_a_bought_certificate_in_pkcs_12_seals_and_its_issuer_vouches_for_it(tmp_path: Path, password: str) -> None:
    issuer = bundle(tmp_path, rsa.generate_private_key(65537, 2048), password)
    seal = loaded(tmp_path, password)
    sealed = seal.seal(PDF, reason="r", location="l", at=NOON)
    assert validated(sealed, issuer.public_bytes(Encoding.PEM)).bottom_line
    assert "Signature is Valid." in pdfsig(sealed, tmp_path / "sealed.pdf")
    assert verify_signature(seal.certificate(), DATA, seal.sign(DATA))
    assert not verify_signature(seal.certificate(), b"other", seal.sign(DATA))


def test_the_certificate_for_encryption_that_is_sold_with_the_one_for_signing_is_refused(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    certificate = _issued("Del dokument", key, ec.generate_private_key(ec.SECP256R1()), "Utsteder", signs=False)
    packed = pkcs12.serialize_key_and_certificates(b"segl", key, certificate, None, NoEncryption())
    (tmp_path / "seal.key").touch(0o600)
    (tmp_path / "seal.key").write_bytes(packed)
    assert "for other uses than signing" in refusal(tmp_path)


def test_a_wrong_password_is_refused_and_shown_nowhere(tmp_path: Path) -> None:
    bundle(tmp_path, rsa.generate_private_key(65537, 2048), "hemmelig")
    assert "feilskrevet" not in refusal(tmp_path, "feilskrevet")
    refusal(tmp_path)


def test_an_encrypted_pem_key_is_opened_by_its_password(tmp_path: Path) -> None:
    seal = new_seal(tmp_path)
    encrypted = seal.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hemmelig"))
    (tmp_path / "seal.key").write_bytes(encrypted)
    assert loaded(tmp_path, "hemmelig").certificate() == seal.certificate()
    refusal(tmp_path, "feil")
    refusal(tmp_path)


def test_a_key_that_makes_no_signatures_for_pdfs_is_refused(tmp_path: Path) -> None:
    bundle(tmp_path, ed25519.Ed25519PrivateKey.generate(), "")
    assert "neither an ECDSA nor an RSA key" in refusal(tmp_path)
    certificate = pkcs12.load_pkcs12((tmp_path / "seal.key").read_bytes(), None).cert
    assert certificate
    with pytest.raises(Broken):
        verify_signature(certificate.certificate.public_bytes(Encoding.PEM), DATA, b"")
