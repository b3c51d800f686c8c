"""With any file name the header stays one header and has the true name, and the zip can be unpacked."""

import io
import re
import subprocess
import zipfile
from email.message import Message
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.support.deployment.deployment import KARI, OLA, OLA_NUMBER, Deployment

NEEDED = "\u00ad\u200c\u200d\u00a0\u202f"
"""What is kept though it cannot be seen: Word, Persian, emoji, and «12 000 kr» need it."""
HOSTILE = [
    'anførsel " i midten.pdf',
    "semikolon; filename=evil.exe",
    "100%25 sikker.pdf",
    "\u202efdp.exe",
    "null\u200bbredde.pdf",
    "می\u200cخواهم.pdf",
    "12\u00a0000\u202fkr sam\u00adarbeid.pdf",
    "¯\\_(ツ)_.txt",
    "a\\..\\..\\b.txt",
    "😀 familie 👨‍👩‍👧.png",
    "e\u0301tude.txt",
    "étude.txt",
    ".htaccess",
    "punktum.",
    "CON.txt",
    "-rf",
    "$(id).sh",
    "{{7*7}} <script>alert(1)<script>.html",
    "=cmd|calc.csv",
    "æ" * 251 + ".pdf",
    "漢字.docx",
]


@pytest.fixture(scope="module")
def hostile(deployment: Deployment) -> str:
    """A share with a document under each hostile name; its content is its number."""
    return deployment.share([OLA_NUMBER], {name: str(n).encode() for n, name in enumerate(HOSTILE)})


def filenames(header: str) -> tuple[str, str]:
    """The fallback and the RFC 8187 name of a Content-Disposition, read by the standard library and by hand."""
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    found = re.fullmatch(r"attachment; filename=\"([^\"\\]*)\"; filename\*=UTF-8''([A-Za-z0-9._~%-]+)", header)
    assert found is not None, header
    return found.group(1), unquote(found.group(2))


def test_every_name_is_one_safe_header_that_contains_it(deployment: Deployment, hostile: str) -> None:
    ola = deployment.session(OLA)
    for number, path in enumerate(deployment.document_paths(hostile)):
        answer = ola.get(path)
        assert answer.content == str(number).encode()
        fallback, name = filenames(answer.headers["content-disposition"])
        assert fallback.isascii()
        assert fallback.isprintable()
        assert len([key for key in answer.headers.raw if key[0].lower() == b"content-disposition"]) == 1
        visible = "".join("_" if c == "\\" or not (c.isprintable() or c in NEEDED) else c for c in HOSTILE[number])
        assert name == visible


def test_bidi_controls_become_visible(deployment: Deployment, hostile: str) -> None:
    path = deployment.document_paths(hostile)[HOSTILE.index("\u202efdp.exe")]
    assert filenames(deployment.session(OLA).get(path).headers["content-disposition"])[1] == "_fdp.exe"


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x=1.pdf", "a\x00b.pdf", "a\nb", "\x7f.pdf", "", " ", "x" * 300, "æ" * 300]
)
def test_a_name_that_no_header_could_carry_is_cleaned_or_refused_when_announced(
    deployment: Deployment, name: str
) -> None:
    draft_id = deployment.draft()
    kari = deployment.session(KARI)
    answer = kari.post(f"/del/utkast/{draft_id}/dokumenter", json={"name": name, "length": 1, "modified_at": None})
    if answer.status_code == 201:
        assert answer.json()["document"]["name"].isprintable()
    else:
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["message"]


def test_a_path_in_a_name_is_only_its_last_part(deployment: Deployment) -> None:
    draft_id = deployment.draft()
    for name in ("../../etc/passwd", "/etc/passwd", "C:\\Users\\kari\\passwd"):
        answer = deployment.session(KARI).post(
            f"/del/utkast/{draft_id}/dokumenter", json={"name": name, "length": 1, "modified_at": None}
        )
        assert answer.status_code == 422 or answer.json()["document"]["name"] == "passwd"


def test_a_document_of_a_shared_folder_keeps_its_path_in_the_zip_and_only_its_name_by_itself(
    deployment: Deployment,
) -> None:
    share_id = deployment.share([OLA_NUMBER], {"sak/kart/øst.png": b"1", "sak/vedtak.pdf": b"2"})
    ola = deployment.session(OLA)
    names = [filenames(ola.get(path).headers["content-disposition"])[1] for path in deployment.document_paths(share_id)]
    assert names == ["øst.png", "vedtak.pdf"]
    with zipfile.ZipFile(io.BytesIO(ola.get(f"/d/{share_id}/alt.zip").content)) as archive:
        assert archive.namelist() == ["sak/kart/øst.png", "sak/vedtak.pdf"]


def test_the_zip_of_hostile_names_unpacks_inside_its_folder_everywhere(
    deployment: Deployment, hostile: str, tmp_path: Path
) -> None:
    whole = deployment.session(OLA).get(f"/d/{hostile}/alt.zip").content
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert [archive.read(name) for name in names] == [str(n).encode() for n in range(len(HOSTILE))]
    assert len({name.casefold() for name in names}) == len(HOSTILE)
    assert not [
        name for name in names if re.search(r'[\\/:*?"<>|\x00-\x1f\u202a-\u202e]', name) or name.startswith("..")
    ]
    (tmp_path / "alt.zip").write_bytes(whole)
    for tool, command in unpackers(tmp_path):
        (tmp_path / tool).mkdir()
        done = subprocess.run(
            command, cwd=tmp_path / tool, capture_output=True, env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
        )
        assert done.returncode == 0, (tool, done.stdout[-500:], done.stderr[-500:])
        unpacked = {int(path.read_bytes()) for path in (tmp_path / tool).iterdir()}
        assert unpacked == set(range(len(HOSTILE))), tool
    assert {path.name for path in tmp_path.iterdir()} == {"alt.zip", "unzip", "7z", "bsdtar"}


def unpackers(folder: Path) -> list[tuple[str, list[str]]]:
    archive = str(folder / "alt.zip")
    return [
        ("unzip", ["unzip", "-q", "-o", archive]),
        ("7z", ["7z", "x", "-y", archive]),
        ("bsdtar", ["bsdtar", "-xf", archive]),
    ]
