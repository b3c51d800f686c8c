"""Decryption of a document that its sender has encrypted: CMS EnvelopedData (RFC 5652) as a stream.

Guarantees:
- Memory use: a header of at most MAX_HEADER bytes, and the bytes passed to one call.
- Input in another form than the one below raises `IntegrityError`, at the latest at the end.

The form is that of KS' library `kryptering`: one content, AES-256-CBC. Its key is wrapped with RSAES-OAEP for a
recipient named by serial number. The encoding is BER or DER.

EnvelopedData authenticates nothing: what decrypts need not be what the sender encrypted. The service seals the result
as any upload. TLS and the sender's access token authenticate its origin.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Self, TypeVar

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from deldokument.crypto.errors import IntegrityError

MAX_HEADER = 16 * 1024
_SEQUENCE, _SET, _INTEGER, _OCTETS, _OID = 0x30, 0x31, 0x02, 0x04, 0x06
_WRAPPED, _PRIMITIVE = 0xA0, 0x80
_END = b"\x00\x00"
_ENVELOPED_DATA = bytes.fromhex("2a864886f70d010703")
_DATA = bytes.fromhex("2a864886f70d010701")
_AES256_CBC = bytes.fromhex("60864801650304012a")
_RSAES_OAEP = bytes.fromhex("2a864886f70d010107")
_BLOCK = 16
_KEY = 32

_Read = TypeVar("_Read")
_Steps = Generator[None, None, _Read]
Unwrap = Callable[[int, bytes], bytes | None]
"""Return the content key for a recipient's serial number and wrapped key; None for an unknown recipient."""


class _Incomplete(Exception):
    """The bytes so far end within an element."""


@dataclass(slots=True)
class _Reader:
    """Reader of BER elements. ``is_whole``: no bytes follow those in ``data``."""

    data: bytes
    is_whole: bool = True
    at: int = 0
    indefinite: int = 0
    """Containers of indefinite length that have been entered."""

    @property
    def is_at_end(self) -> bool:
        return self.at == len(self.data)

    def head(self) -> tuple[int, int | None]:
        """Return an element's tag and length; None for an indefinite length."""
        tag, first = self._take(2)
        if first < 0x80:
            return tag, first
        if first == 0x80:
            return tag, None
        if first > 0x88:
            raise IntegrityError
        return tag, int.from_bytes(self._take(first & 0x7F), "big")

    def enter(self, wanted: int) -> None:
        """Enter a container of any length."""
        tag, length = self.head()
        if tag != wanted:
            raise IntegrityError
        self.indefinite += length is None

    def value(self, wanted: int) -> bytes:
        """Return the content of an element of definite length."""
        tag, length = self.head()
        if tag != wanted or length is None or length > MAX_HEADER:
            raise IntegrityError
        return self._take(length)

    def inside(self, wanted: int) -> Self:
        """Return a reader of the content of an element of definite length."""
        return type(self)(self.value(wanted))

    def expect(self, identifier: bytes) -> None:
        """Read an object identifier. Raises: IntegrityError for another one."""
        if self.value(_OID) != identifier:
            raise IntegrityError

    def _take(self, length: int) -> bytes:
        if self.at + length > len(self.data):
            raise IntegrityError if self.is_whole else _Incomplete
        self.at += length
        return self.data[self.at - length : self.at]


@dataclass(frozen=True, slots=True)
class _Header:
    """The bytes before the encrypted content.

    ``recipients``: serial numbers with wrapped keys. ``length``: length of the content; None if it comes as octet
    strings. ``closing``: the bytes that must follow the content.
    """

    recipients: tuple[tuple[int, bytes], ...]
    iv: bytes
    length: int | None
    closing: bytes


def _read_header(reader: _Reader) -> _Header:
    reader.enter(_SEQUENCE)
    reader.expect(_ENVELOPED_DATA)
    reader.enter(_WRAPPED)
    reader.enter(_SEQUENCE)
    reader.value(_INTEGER)
    recipients = _read_recipients(reader.inside(_SET))
    reader.enter(_SEQUENCE)
    reader.expect(_DATA)
    algorithm = reader.inside(_SEQUENCE)
    algorithm.expect(_AES256_CBC)
    iv = algorithm.value(_OCTETS)
    tag, length = reader.head()
    if tag != (_WRAPPED if length is None else _PRIMITIVE) or len(iv) != _BLOCK:
        raise IntegrityError
    return _Header(recipients, iv, length, _END * reader.indefinite)


def _read_recipients(reader: _Reader) -> tuple[tuple[int, bytes], ...]:
    found = []
    while not reader.is_at_end:
        recipient = reader.inside(_SEQUENCE)
        recipient.value(_INTEGER)
        issuer_and_serial = recipient.inside(_SEQUENCE)
        issuer_and_serial.value(_SEQUENCE)
        serial = int.from_bytes(issuer_and_serial.value(_INTEGER), "big")
        recipient.inside(_SEQUENCE).expect(_RSAES_OAEP)
        found.append((serial, recipient.value(_OCTETS)))
    return tuple(found)


def _read_chunk(reader: _Reader) -> int | None:
    """Enter the next octet string of the content, and return its length; None at the end of the content."""
    tag, length = reader.head()
    if (tag, length) == (0, 0):
        return None
    if tag != _OCTETS or length is None:
        raise IntegrityError
    return length


class EnvelopeDecryptor:
    """Decryptor of one document that arrives in pieces of any size."""

    def __init__(self, unwrap: Unwrap) -> None:
        self._unwrap = unwrap
        self._arrived, self._plain = bytearray(), bytearray()
        self._is_complete = False
        self._steps = self._run()

    def update(self, data: bytes) -> bytes:
        """Return the plaintext that the next bytes complete. Raises: IntegrityError."""
        self._arrived += data
        next(self._steps)
        plain, self._plain = bytes(self._plain), bytearray()
        return plain

    def finish(self) -> None:
        """Check that the document was complete. Raises: IntegrityError."""
        if not self._is_complete:
            raise IntegrityError

    def _run(self) -> _Steps[None]:
        """Process the bytes that have arrived; yield when more are needed."""
        header = yield from self._parse(_read_header)
        key = self._content_key(header)
        cipher = Cipher(algorithms.AES256(key), modes.CBC(header.iv)).decryptor()
        unpadder = PKCS7(8 * _BLOCK).unpadder()
        left = header.length if header.length is not None else (yield from self._parse(_read_chunk))
        while left is not None:
            piece = bytes(self._arrived[:left])
            del self._arrived[:left]
            self._plain += unpadder.update(cipher.update(piece))
            left -= len(piece)
            if left:
                yield
            else:
                left = None if header.length is not None else (yield from self._parse(_read_chunk))
        while len(self._arrived) < len(header.closing):
            yield
        if self._arrived != header.closing:
            raise IntegrityError
        try:
            self._plain += unpadder.update(cipher.finalize()) + unpadder.finalize()
        except ValueError:
            raise IntegrityError from None
        self._is_complete = True
        del self._arrived[:]
        while not self._arrived:
            yield
        # There are more bytes than one document has.
        raise IntegrityError

    def _content_key(self, header: _Header) -> bytes:
        keys = (self._unwrap(serial, wrapped) for serial, wrapped in header.recipients)
        key = next((key for key in keys if key is not None), b"")
        if len(key) != _KEY:
            raise IntegrityError
        return key

    def _parse(self, read: Callable[[_Reader], _Read]) -> _Steps[_Read]:
        """Return the result of ``read`` at the beginning of the bytes, once enough have arrived; remove those bytes."""
        while True:
            reader = _Reader(bytes(self._arrived[:MAX_HEADER]), is_whole=False)
            try:
                found = read(reader)
            except _Incomplete:
                if len(self._arrived) >= MAX_HEADER:
                    raise IntegrityError from None
                yield
            else:
                del self._arrived[: reader.at]
                return found
