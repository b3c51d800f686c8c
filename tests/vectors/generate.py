"""Writes the golden vectors beside this file: `python tests/vectors/generate.py`.

The files are the same on every machine: keys, ids, salts and nonces are derived by name with SHAKE-256. Uses the
reference only, never the product. See docs/format.md, Golden vectors, for the meaning of the files' keys.
"""

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

from tests.vectors import format_reference as reference

HERE = Path(__file__).parent
SEGMENT = reference.SEGMENT
FIRST = SEGMENT - reference.HEADER - reference.TAG
OK, BROKEN = "ok", "integrity_error"
DOCUMENT, OTHER_DOCUMENT, PART, OTHER_PART = "document", "other document", "part", "other part"

Vector = dict[str, Any]


def drawn(name: str, size: int) -> bytes:
    """The bytes that every vector uses under this name."""
    return hashlib.shake_256(f"deldokument vectors: {name}".encode()).digest(size)


def pattern(length: int) -> bytes:
    """Plaintext too long to be committed: byte i is i mod 251."""
    return (bytes(range(251)) * (length // 251 + 1))[:length]


def stream_header(name: str = "header") -> bytes:
    return bytes([40]) + drawn(name, 39)


def change(stored: bytes, changes: list[list[Any]]) -> bytes:
    """What an attacker did to the stored bytes, step by step."""
    for verb, *details in changes:
        match verb:
            case "flip":
                at, bit = details
                stored = stored[:at] + bytes([stored[at] ^ 1 << bit]) + stored[at + 1 :]
            case "keep":
                (length,) = details
                stored = stored[:length]
            case "append":
                (addition,) = details
                stored = stored + bytes.fromhex(addition)
            case "order":
                (order,) = details
                cut = [stored[at : at + SEGMENT] for at in range(0, len(stored), SEGMENT)]
                stored = b"".join(cut[index] for index in order)
            case "replace_segment":
                index, stranger = details
                place = slice(index * SEGMENT, (index + 1) * SEGMENT)
                stored = stored[: place.start] + bytes.fromhex(stranger) + stored[place.stop :]
            case _:
                raise ValueError(verb)
    return stored


def part_vector(name: str, claim: str, plaintext: bytes | int, result: str = BROKEN, **more: Any) -> Vector:
    """One vector of parts.json. `more`: changes, flags, sealed_for, length, read, manifest_header."""
    content = pattern(plaintext) if isinstance(plaintext, int) else plaintext
    sealed_for = more.get("sealed_for", [DOCUMENT, PART])
    associated_data = reference.part_associated_data(*(drawn(place, 16) for place in sealed_for))
    flags = more.get("flags", ())
    sealed = reference.seal_part(drawn("data key", 32), associated_data, stream_header(), content, flags)
    changes = more.get("changes", [])
    stored = change(sealed, changes)
    length = more.get("length", len(content))
    start, stop = more.get("read", [0, length])
    vector: Vector = {"name": name, "claim": claim, "result": result, "data_key": drawn("data key", 32).hex()}
    vector |= {"sealed_for": [drawn(place, 16).hex() for place in sealed_for]}
    vector |= {"read_as": [drawn(DOCUMENT, 16).hex(), drawn(PART, 16).hex()]}
    vector |= {"stream_header": stream_header().hex()}
    vector |= {"manifest_header": more.get("manifest_header", stream_header()).hex()}
    vector |= {"plaintext_pattern_length": plaintext} if isinstance(plaintext, int) else {"plaintext": content.hex()}
    vector |= {"flags": flags, "changes": changes, "plaintext_length": length, "read": [start, stop]}
    vector |= {"stored_length": len(stored), "stored_sha256": hashlib.sha256(stored).hexdigest()}
    if len(stored) < 512:
        vector |= {"stored": stored.hex()}
    if result == OK:
        vector |= {"opened_sha256": hashlib.sha256(content[start:stop]).hexdigest()}
    return vector


def part_vectors() -> list[Vector]:
    short = b"Kari deler, Ola mottar."
    two, three = FIRST + 1000, FIRST + 2 * (SEGMENT - 16)
    other = reference.seal_part(
        drawn("data key", 32),
        reference.part_associated_data(drawn(DOCUMENT, 16), drawn(PART, 16)),
        stream_header("other header"),
        pattern(two),
    )[SEGMENT:].hex()
    return [
        part_vector("empty", "an empty part is a header and one tag", b"", OK),
        part_vector("short", "a part may be shorter than a segment", short, OK),
        part_vector("first segment full", "a full first segment may be the last", FIRST, OK),
        part_vector("one byte over", "the second segment may hold one byte", FIRST + 1, OK),
        part_vector("three full", "the last segment may be full", three, OK),
        part_vector("range over a border", "a range may cross segments", three, OK, read=[FIRST - 7, FIRST + 9]),
        part_vector("range in the second", "other segments need not be read", three, OK, read=[FIRST, FIRST + 5]),
        part_vector("bit of header length", "the header is compared", short, changes=[["flip", 0, 0]]),
        part_vector("bit of salt", "the header is compared", short, changes=[["flip", 1, 7]]),
        part_vector("bit of nonce prefix", "the header is compared", short, changes=[["flip", 39, 0]]),
        part_vector("bit of ciphertext", "every segment has its tag", short, changes=[["flip", 41, 3]]),
        part_vector("bit of tag", "every tag is compared in full", short, changes=[["flip", len(short) + 55, 0]]),
        part_vector("bit in the second segment", "every segment has its tag", two, changes=[["flip", SEGMENT, 0]]),
        part_vector("cut within a segment", "the stored length is known", short, changes=[["keep", 60]]),
        part_vector("cut at a segment's border", "the stored length is known", two, changes=[["keep", SEGMENT]]),
        part_vector(
            "cut at a border, length claimed",
            "the last segment is marked",
            two,
            changes=[["keep", SEGMENT]],
            length=FIRST,
        ),
        part_vector("nothing but a header", "an empty part has a tag", b"", changes=[["keep", 40]]),
        part_vector("emptied", "an empty part has a tag of its own", short, changes=[["keep", 56]], length=0),
        part_vector("segments swapped", "a segment knows its index", three, changes=[["order", [0, 2, 1]]]),
        part_vector("segment repeated", "a segment knows its index", three, changes=[["order", [0, 1, 1]]]),
        part_vector(
            "segment of another stream", "every stream has its own key", two, changes=[["replace_segment", 1, other]]
        ),
        part_vector("other document", "a part is bound to its document", short, sealed_for=[OTHER_DOCUMENT, PART]),
        part_vector("other part", "a part is bound to its id", short, sealed_for=[DOCUMENT, OTHER_PART]),
        part_vector("ids exchanged", "document id and part id differ in role", short, sealed_for=[PART, DOCUMENT]),
        part_vector("last flag missing", "the last segment is marked", short, flags=(0,)),
        part_vector("last flag early", "no segment but the last is marked", two, flags=(1, 1)),
        part_vector(
            "other manifest header",
            "the header comes from the manifest",
            short,
            manifest_header=stream_header("other header"),
        ),
        part_vector(
            "header of other length",
            "the header's first byte is 40",
            short,
            manifest_header=b"\x29" + stream_header()[1:],
        ),
    ]


def sealed_vectors() -> list[Vector]:
    key, nonce, plaintext, bound_to = drawn("key", 32), drawn("nonce", 12), b"innhold", b"plass"
    sealed = reference.seal(key, nonce, plaintext, bound_to)

    def vector(name: str, claim: str, result: str = BROKEN, **more: Any) -> Vector:
        stored = change(more.get("sealed", sealed), more.get("changes", []))
        opened = {"plaintext": plaintext.hex()} if result == OK else {}
        fixed = {"name": name, "claim": claim, "result": result, "key": more.get("key", key).hex()}
        return fixed | {"associated_data": more.get("bound_to", bound_to).hex(), "sealed": stored.hex()} | opened

    return [
        vector("sealed", "a sealed value opens with its key and place", OK),
        vector("other version", "version 1 is the only one", changes=[["flip", 0, 1]]),
        vector("bit of nonce", "the nonce is authenticated", changes=[["flip", 1, 0]]),
        vector("bit of ciphertext", "the ciphertext is authenticated", changes=[["flip", 13, 0]]),
        vector("bit of tag", "the tag is compared in full", changes=[["flip", len(sealed) - 1, 7]]),
        vector("cut", "nothing may be missing", changes=[["keep", len(sealed) - 1]]),
        vector("cut to its nonce", "a tag is always there", changes=[["keep", 13]]),
        vector("nothing", "nothing is not a sealed value", changes=[["keep", 0]]),
        vector("trailing byte", "nothing may follow", changes=[["append", "00"]]),
        vector("other key", "only its key opens it", key=drawn("other key", 32)),
        vector("other place", "it opens in its place only", bound_to=b"annen plass"),
    ]


def manifest_vectors() -> list[Vector]:
    share_key, document_id, nonce = drawn("share key", 32), drawn(DOCUMENT, 16), drawn("manifest nonce", 12)
    one = (drawn(PART, 16), 0, 1000, stream_header())
    two = (drawn(OTHER_PART, 16), 1000, 234, stream_header("other header"))

    def vector(name: str, claim: str, encoded: bytes, result: str = BROKEN, **more: Any) -> Vector:
        owner, sealer = more.get("owner", document_id), more.get("key", share_key)
        sealed = reference.seal_manifest(sealer, nonce, owner, encoded)
        fixed = {"name": name, "claim": claim, "result": result, "share_key": share_key.hex()}
        fixed |= {"document_id": document_id.hex(), "encoded": encoded.hex(), "sealed": sealed.hex()}
        return fixed | ({"manifest_hash": hashlib.sha256(encoded).hexdigest()} if result == OK else {})

    def of(length: int, *parts: tuple[bytes, int, int, bytes], **lies: int) -> bytes:
        return reference.encode_manifest(document_id, length, list(parts), **lies)

    good = of(1234, one, two)
    foreign = reference.encode_manifest(drawn(OTHER_DOCUMENT, 16), 1000, [one])
    return [
        vector("two parts", "a document is its parts in order", good, OK),
        vector("empty document", "an empty document has no parts", of(0), OK),
        vector("empty part", "a part of a document holds at least one byte", of(0, (one[0], 0, 0, one[3]))),
        vector("gap", "no byte may be missing", of(1235, one, (two[0], 1001, 234, two[3]))),
        vector("overlap", "no byte may be there twice", of(1233, one, (two[0], 999, 234, two[3]))),
        vector("reordered", "parts stand in order", of(1234, two, one)),
        vector("not from the beginning", "the first part begins at 0", of(234, two)),
        vector("sum too small", "parts sum to the length", of(1235, one, two)),
        vector("sum too large", "parts sum to the length", of(1233, one, two)),
        vector("part repeated", "part ids are unique", of(1234, one, (one[0], 1000, 234, one[3]))),
        vector("header of other length", "a header begins with 40", of(1000, (*one[:3], b"\x29" + one[3][1:]))),
        vector("other version", "version 1 is the only one", of(1234, one, two, version=2)),
        vector("count too small", "the count is exact", of(1234, one, two, count=1)),
        vector("count too large", "the count is exact", of(1234, one, two, count=3)),
        vector("trailing byte", "nothing may follow", good + b"\x00"),
        vector("cut", "nothing may be missing", good[:-1]),
        vector("cut within its head", "nothing may be missing", good[:28]),
        vector("part longer than a stream", "a part has at most 2**32 segments", of(2**63, (one[0], 0, 2**63, one[3]))),
        vector("other document", "it opens for its document only", good, owner=drawn(OTHER_DOCUMENT, 16)),
        vector("names another document", "the id within is compared", foreign),
        vector("other share", "it opens under its share key only", good, key=drawn("other share key", 32)),
    ]


def inspection_vectors() -> list[Vector]:
    share_key, document_id, nonce = drawn("share key", 32), drawn(DOCUMENT, 16), drawn("inspection nonce", 12)
    content = pattern(1000)
    part = (drawn(PART, 16), 0, 1000, stream_header())
    manifest = reference.encode_manifest(document_id, 1000, [part])
    older = reference.encode_manifest(document_id, 1000, [(drawn(OTHER_PART, 16), *part[1:])])
    sha256, crc32 = hashlib.sha256(content).digest(), zlib.crc32(content)

    def encode(
        read: bytes = manifest, media: bytes = b"application/pdf", verdict: bytes = b"clean", **lies: int
    ) -> bytes:
        return reference.encode_inspection(read, sha256, crc32, media, verdict, **lies)

    def vector(name: str, claim: str, encoded: bytes, result: str = BROKEN, **more: bytes) -> Vector:
        owner = more.get("owner", document_id)
        sealed = more.get("sealed", reference.seal_inspection(share_key, nonce, owner, encoded))
        fixed = {
            "name": name,
            "claim": claim,
            "result": result,
            "share_key": share_key.hex(),
            "manifest": manifest.hex(),
        }
        return fixed | {"encoded": encoded.hex(), "sealed": sealed.hex()}

    good = encode()
    as_manifest = reference.seal_manifest(share_key, nonce, document_id, good)
    return [
        vector("clean", "a record opens with its manifest", good, OK),
        vector("of another manifest", "a record cannot be replayed for another manifest", encode(older)),
        vector("of another document", "a record opens for its document only", good, owner=drawn(OTHER_DOCUMENT, 16)),
        vector("sealed as a manifest", "manifest and record have keys of their own", good, sealed=as_manifest),
        vector("other version", "version 1 is the only one", encode(version=2)),
        vector("trailing byte", "nothing may follow", good + b"\x00"),
        vector("cut", "nothing may be missing", good[:-1]),
        vector("cut within its head", "nothing may be missing", good[:72]),
        vector("no verdict", "a record has a verdict", encode(verdict=b"")),
        vector("no media type", "a record has a media type", encode(media=b"")),
        vector("verdict not UTF-8", "texts are UTF-8", encode(verdict=b"\xff")),
    ]


def field_vectors() -> list[Vector]:
    key, nonce = drawn("audit key", 32), drawn("field nonce", 12)
    label, record_id = "recipient.label", drawn("record", 16)
    text = "søker"

    def vector(name: str, claim: str, padded: bytes, result: str = BROKEN, **more: Any) -> Vector:
        sealed_label, sealed_record = more.get("label", label), more.get("record", record_id)
        sealed = reference.seal_field(more.get("key", key), nonce, padded, sealed_label.encode(), sealed_record)
        fixed = {"name": name, "claim": claim, "result": result, "key": key.hex(), "label": label}
        fixed |= {"record_id": record_id.hex(), "sealed": sealed.hex()}
        return fixed | ({"text": more.get("text", text)} if result == OK else {})

    good = reference.pad(text.encode())
    return [
        vector("text", "a text opens in its column and record", good, OK),
        vector("empty text", "an empty text is a text", reference.pad(b""), OK, text=""),
        vector("text of a full block", "60 bytes fill a block", reference.pad(b"a" * 60), OK, text="a" * 60),
        vector("text over a block", "61 bytes take two blocks", reference.pad(b"a" * 61), OK, text="a" * 61),
        vector("moved to another record", "a text is bound to its record", good, record=drawn("other record", 16)),
        vector("moved to another column", "a text is bound to its column", good, label="recipient.identifier"),
        vector("border moved", "column and record have a border", good, label=label[:-1], record=b"l" + record_id),
        vector("other key", "a text opens under its key only", good, key=drawn("other audit key", 32)),
        vector("padding not zero", "padding is zeros", good[:-1] + b"\x01"),
        vector("a block too many", "padding ends with the block", good + bytes(64)),
        vector("not whole blocks", "padding ends with the block", good[:-1]),
        vector("length beyond the end", "a text lies within its blocks", b"\x00\x00\x00\x3d" + good[4:]),
        vector("no length", "a text has its length", b""),
        vector("not UTF-8", "texts are UTF-8", reference.pad(b"\xff")),
    ]


def lookup_vectors() -> list[Vector]:
    key = drawn("audit key", 32)
    cases = [
        ("person", "21879400108"),
        ("organization", "974760673"),
        ("organization", "21879400108"),
        ("subject", "21879400108"),
        ("member", "21879400108"),
        ("administrator", "21879400108"),
        ("operator", "21879400108"),
    ]
    return [
        {
            "name": f"{kind} {identifier}",
            "key": key.hex(),
            "kind": kind,
            "identifier": identifier,
            "hash": reference.lookup_hash(key, kind.encode(), identifier.encode()).hex(),
        }
        for kind, identifier in cases
    ]


def grant_vectors() -> list[Vector]:
    key, audit_key, nonce = drawn("share key", 32), drawn("audit key", 32), drawn("grant nonce", 12)
    place = ("tenant", "account", "share", "recipient")
    person, organization = b"\x01\x01\x0121879400108", b"\x01\x02\x01974760673"

    def vector(name: str, claim: str, encoded: bytes, result: str = BROKEN, **more: Any) -> Vector:
        ids = tuple(each.encode() for each in more.get("sealed_for", place))
        sealed = reference.seal_grant(more.get("sealed_under", key), nonce, ids, encoded)  # type: ignore[arg-type]
        fixed = {"name": name, "claim": claim, "result": result, "key": more.get("key", key).hex()}
        fixed |= {"place": list(place), "sealed": more.get("sealed", sealed.hex())}
        opened = {"kind": "person" if encoded[1] == 1 else "organization", "confirmed": bool(encoded[2])}
        return fixed | (opened | {"identifier": encoded[3:].decode()} if result == OK else {})

    def moved(**other: str) -> tuple[str, ...]:
        names = ("tenant", "account", "share", "recipient")
        return tuple(other.get(name, each) for name, each in zip(names, place, strict=True))

    audit = {"key": audit_key, "sealed_under": audit_key}
    return [
        vector("person", "a grant opens in its place", person, OK),
        vector("organization", "a grant opens in its place", organization, OK),
        vector("not confirmed", "a number may be unconfirmed", b"\x01\x01\x0021879400108", OK),
        vector("under the audit key", "after the end the copy under the audit key opens", person, OK, **audit),
        vector("other tenant", "a grant is bound to its tenant", person, sealed_for=moved(tenant="other")),
        vector("other account", "a grant is bound to its account", person, sealed_for=moved(account="other")),
        vector("other share", "a grant is bound to its share", person, sealed_for=moved(share="other")),
        vector("other recipient", "a grant is bound to its recipient", person, sealed_for=moved(recipient="other")),
        vector("border moved", "ids have borders", person, sealed_for=moved(tenant="tenanta", account="ccount")),
        vector("other key", "a grant opens under its key only", person, sealed_under=audit_key),
        vector("nothing", "nothing is not a grant", person, sealed=""),
        vector("other version", "version 1 is the only one", b"\x02" + person[1:]),
        vector("other kind", "kinds are 1 and 2", b"\x01\x03" + person[2:]),
        vector("neither confirmed nor not", "a number is confirmed or not", b"\x01\x01\x02" + person[3:]),
        vector(
            "number of an organization for a person",
            "an identifier has the length of its kind",
            person[:3] + organization[3:],
        ),
        vector("no identifier", "a grant has an identifier", person[:3]),
        vector("not digits", "an identifier is ASCII digits", person[:-1] + b"a"),
        vector("trailing byte", "nothing may follow", person + b"0"),
    ]


def keyring_vectors() -> list[Vector]:
    root_key, secret, nonce = drawn("root key", 32), drawn("share key", 32), drawn("entry nonce", 12)
    key_id, entry_id = "root-2026", "share/0193a1b2"

    def vector(name: str, claim: str, result: str = BROKEN, **more: Any) -> Vector:
        names = [more.get("key_id", key_id).encode(), more.get("entry_id", entry_id).encode()]
        wrapped = reference.wrap_entry(more.get("root_key", root_key), nonce, *names, secret)
        fixed = {"name": name, "claim": claim, "result": result, "root_key": root_key.hex(), "key_id": key_id}
        return (
            fixed
            | {"entry_id": entry_id, "wrapped": wrapped.hex()}
            | ({"secret": secret.hex()} if result == OK else {})
        )

    return [
        vector("entry", "an entry opens under its root key", OK),
        vector("moved to another entry", "an entry is bound to its id", entry_id="share/0193a1b3"),
        vector("other root key's id", "an entry is bound to its root key's id", key_id="root-2025"),
        vector("other root key", "an entry opens under its root key only", root_key=drawn("other root key", 32)),
        vector("border moved", "key id and entry id have a border", key_id="root-2026s", entry_id="hare/0193a1b2"),
    ]


Value = str | bytes | int | None


def shown(value: Value) -> Any:
    """A value in JSON: bytes as an object, everything else as itself."""
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def row_vectors() -> list[Vector]:
    key, row_id = drawn("integrity key", 32), "Q2x1c3RlciBvZiByb3dz"
    values: list[Value] = ["konto", drawn("hash", 32), 1772452800123456, None]

    def vector(name: str, claim: str, result: str = BROKEN, **given: Any) -> Vector:
        sealer, kind, owner = given.get("key", key), given.get("kind", "member"), given.get("row_id", row_id)
        tag = reference.row_tag(sealer, kind.encode(), owner.encode(), given.get("values", values))
        tag = change(tag, given.get("changes", []))
        fixed = {"name": name, "claim": claim, "result": result, "integrity_key": key.hex(), "kind": "member"}
        return fixed | {"id": row_id, "values": [shown(value) for value in values], "tag": tag.hex()}

    text, hashed, number, nothing = values
    return [
        vector("row", "a tag is valid for its row", OK),
        vector("bit of tag", "the tag is compared in full", changes=[["flip", 31, 0]]),
        vector("cut", "the tag is compared in full", changes=[["keep", 31]]),
        vector("nothing", "a row without a tag has no valid one", changes=[["keep", 0]]),
        vector("other key", "a tag is valid under its key only", key=drawn("other integrity key", 32)),
        vector("other kind", "a tag is bound to the kind of row", kind="administrator"),
        vector("other row", "a tag is bound to the id of its row", row_id="Q2x1c3RlciBvZiByb3dy"),
        vector("other value", "a tag binds every value", values=["konti", hashed, number, nothing]),
        vector("values exchanged", "values have an order", values=[hashed, text, number, nothing]),
        vector("value missing", "a tag binds all values", values=[text, hashed, number]),
        vector("text for a number", "a value has a type", values=[text, hashed, str(number), nothing]),
        vector("empty text for NULL", "NULL is not an empty text", values=[text, hashed, number, ""]),
        vector("border moved", "values have borders", values=["kontob", drawn("hash", 32)[1:], number, nothing]),
        event_vector(key, chain=row_id),
    ]


def event_vector(key: bytes, chain: str) -> Vector:
    values: list[Value] = [1_000_000, drawn("hash of an event", 32)]
    tag = reference.row_tag(key, b"audit_event", chain.encode(), values)
    fixed = {"name": "event", "claim": "an event's tag binds chain, number and hash", "result": OK}
    fixed |= {"integrity_key": key.hex(), "kind": "audit_event", "id": chain}
    return fixed | {"values": [shown(value) for value in values], "tag": tag.hex()}


def card_vectors() -> list[Vector]:
    key, share_id = drawn("integrity key", 32), "RGVsIGRva3VtZW50IGRlbA"
    recipients = reference.recipients_digest([b"second recipient", b"first recipient"])
    documents = reference.documents_digest({b"document": drawn("sealed manifest", 128)}, [b"removed document"])
    verdicts = reference.verdicts_digest({b"document": (drawn("sealed inspection", 96), drawn("sealed release", 96))})
    moment = 1772452800123456
    values: list[Value] = [
        *("tenant", "account", "audit:tenant:2026-03", "member", None, "available", moment, moment + 1, moment),
        *(1, None, None, None, None, None, 3, drawn("digest of a change", 32), recipients, documents, verdicts),
    ]

    def vector(name: str, claim: str, result: str = BROKEN, **given: Any) -> Vector:
        payload = given.get("payload", reference.card_payload(values))
        sealed = reference.seal_card(given.get("key", key), given.get("share_id", share_id).encode(), payload)
        sealed = change(sealed, given.get("changes", []))
        fixed = {"name": name, "claim": claim, "result": result, "integrity_key": key.hex(), "share_id": share_id}
        opened = {"values": [shown(value) for value in values]} if result == OK else {}
        return fixed | {"sealed": sealed.hex()} | opened

    length = len(reference.seal_card(key, share_id.encode(), reference.card_payload(values)))
    return [
        vector("card", "a card opens for its share", OK),
        vector("bit of a value", "every value is authenticated", changes=[["flip", 6, 0]]),
        vector("bit of tag", "the tag is compared in full", changes=[["flip", length - 1, 7]]),
        vector("cut", "nothing may be missing", changes=[["keep", length - 1]]),
        vector("trailing byte", "nothing may follow", changes=[["append", "00"]]),
        vector("nothing", "nothing is not a card", changes=[["keep", 0]]),
        vector("other share", "a card opens for its share only", share_id="RGVsIGRva3VtZW50IGRlbB"),
        vector("other key", "a card opens under its key only", key=drawn("other integrity key", 32)),
        vector("other version", "version 1 is the only one", payload=reference.card_payload(values, version=2)),
        vector("a value missing", "a card has every value", payload=reference.card_payload(values[:-1])),
        vector("a value too many", "a card has no other value", payload=reference.card_payload([*values, 1])),
    ]


def derivation_vectors() -> list[Vector]:
    key, document_id = drawn("share key", 32), drawn(DOCUMENT, 16)
    cases: list[tuple[str, list[bytes]]] = [(purpose, [document_id]) for purpose in ("data", "manifest", "inspection")]
    cases += [
        ("message", [drawn("share", 16)]),
        ("grant", [drawn("share", 16)]),
        ("fields", []),
        ("lookup", []),
        ("integrity", [b"member"]),
        ("data", [b"a", b"bc"]),
        ("data", [b"ab", b"c"]),
    ]
    return [
        {
            "name": purpose + "".join(f" {item.hex()}" for item in context),
            "key": key.hex(),
            "purpose": purpose,
            "context": [item.hex() for item in context],
            "derived": reference.derive(key, purpose.encode(), *context).hex(),
        }
        for purpose, context in cases
    ]


FILES = {
    "parts.json": part_vectors,
    "sealed.json": sealed_vectors,
    "manifests.json": manifest_vectors,
    "inspections.json": inspection_vectors,
    "fields.json": field_vectors,
    "lookups.json": lookup_vectors,
    "grants.json": grant_vectors,
    "keyring.json": keyring_vectors,
    "rows.json": row_vectors,
    "cards.json": card_vectors,
    "derivations.json": derivation_vectors,
}


def rendered(name: str) -> str:
    """The file's text, as it must stand committed."""
    return json.dumps(FILES[name](), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for file_name in FILES:
        (HERE / file_name).write_text(rendered(file_name), encoding="utf-8")
