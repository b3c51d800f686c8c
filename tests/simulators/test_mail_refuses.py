"""The simulated mail server refuses what a real one may, and what ours must never send."""

import smtplib
from collections.abc import Iterator

import httpx
import pytest

from tests.support.servers.mail import SENDER, RunningMail, start_mail

TO = "kari@eksempel.example"
WHOLE = {
    "From": f"Del dokument <{SENDER}>",
    "To": TO,
    "Subject": "Kode",
    "Date": "Tue, 24 Nov 2026 12:00:00 +0000",
    "Message-ID": "<a@del.example>",
    "Auto-Submitted": "auto-generated",
}


@pytest.fixture(scope="module")
def mail() -> Iterator[RunningMail]:
    with start_mail() as running:
        yield running


def hand_in(mail: RunningMail, *to: str, without: str = "", **headers: str) -> None:
    """A letter with these headers, to these recipients."""
    said = {name: value for name, value in (WHOLE | headers).items() if name != without}
    text = "".join(f"{name}: {value}\r\n" for name, value in said.items()) + "\r\nHei\r\n"
    with smtplib.SMTP("127.0.0.1", mail.port, timeout=10) as smtp:
        smtp.sendmail(SENDER, list(to or (TO,)), text)


def test_a_complete_e_mail_is_accepted_and_shown(mail: RunningMail) -> None:
    hand_in(mail, Subject="<b>Kode</b>")
    assert mail.letters()[-1]["subject"] == "<b>Kode</b>"
    page = httpx.get(mail.url)
    assert "&lt;b&gt;Kode&lt;/b&gt;" in page.text
    assert "script-src" not in page.headers["content-security-policy"]


@pytest.mark.parametrize("name", WHOLE)
def test_an_e_mail_without_a_required_header_is_refused(mail: RunningMail, name: str) -> None:
    before = len(mail.letters())
    with pytest.raises(smtplib.SMTPDataError) as error:
        hand_in(mail, without=name)
    assert error.value.smtp_code == 554
    assert len(mail.letters()) == before


@pytest.mark.parametrize("headers", [{"To": "odd@eksempel.example"}, {"From": "annen@del.example"}])
def test_an_e_mail_that_differs_from_its_envelope_is_refused(mail: RunningMail, headers: dict[str, str]) -> None:
    with pytest.raises(smtplib.SMTPDataError):
        hand_in(mail, **headers)


def test_an_e_mail_to_several_recipients_is_refused(mail: RunningMail) -> None:
    with pytest.raises(smtplib.SMTPDataError):
        hand_in(mail, TO, "odd@eksempel.example")


def test_another_hosts_name_is_refused(mail: RunningMail) -> None:
    assert httpx.get(f"{mail.url}/letters", headers={"Host": "ond.example"}).status_code == 400


@pytest.mark.parametrize("order", [{"mode": "tull"}, {}, []])
def test_an_order_that_it_does_not_know_changes_nothing(mail: RunningMail, order: object) -> None:
    assert httpx.post(f"{mail.url}/_simulator/mode", json=order).status_code == 400
    hand_in(mail)
