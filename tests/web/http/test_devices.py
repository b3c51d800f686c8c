"""A browser's coarse name: enough to know one's own, and nothing that tells two people apart."""

import pytest

from deldokument.web.http.requests.devices import device_of

MOZILLA = "Mozilla/5.0"
KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (f"{MOZILLA} (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64) {KIT} Chrome/140.0.0.0 Safari/537.36", "Chrome, Windows"),
        (f"{MOZILLA} (Windows NT 10.0) {KIT} Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        (f"{MOZILLA} (Linux; Android 16) {KIT} Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari, iPhone"),
        (f"{MOZILLA} (iPad; CPU OS 19_0 like Mac OS X) FxiOS/140.0 Safari/604.1", "Firefox, iPad"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {KIT} Chrome/140.0 Safari/537.36 OPR/120.0", "Opera, Mac"),
        ("curl/8.14.1", ""),
        ("", ""),
        ("Something (Windows NT 10.0)", "Windows"),
        ("<script>alert(1)</script>", ""),
    ],
)
def test_a_browser_is_named_by_kind_and_system_alone(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device
