"""Where webhooks may lead: nowhere but to names and addresses of the open internet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest

from deldokument.domain.errors import InvalidInput
from deldokument.domain.messages.webhook import (
    MAX_FAILURE_PERIOD,
    MAX_URL_LENGTH,
    AddressRule,
    Webhook,
    WebhookEvent,
    WebhookUrl,
    is_public,
    parse_events,
    parse_url,
)

RULE, HOME = AddressRule(), AddressRule(private=True)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def refusal(url: str, rule: AddressRule = RULE) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_url(url, rule)
    assert caught.value.field == "url"
    return caught.value.code


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://hooks.kommune.no", WebhookUrl(True, "hooks.kommune.no", 443, "/")),
        ("https://Hooks.Kommune.NO:443/a/b?c=d", WebhookUrl(True, "hooks.kommune.no", 443, "/a/b?c=d")),
        ("https://xn--bod-2na.no/@x", WebhookUrl(True, "xn--bod-2na.no", 443, "/@x")),
        ("https://93.184.215.14/", WebhookUrl(True, "93.184.215.14", 443, "/")),
        ("https://[2606:2800:21f::1]/", WebhookUrl(True, "2606:2800:21f::1", 443, "/")),
    ],
)
def test_a_url_on_the_open_internet_is_read(url: str, read: WebhookUrl) -> None:
    assert parse_url(url, RULE) == read


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.kommune.no",
        "ftp://hooks.kommune.no/",
        "file:///etc/passwd",
        "gopher://hooks.kommune.no/",
        "https:///path",
        "https://",
        "https://user@hooks.kommune.no/",
        "https://user:pass@hooks.kommune.no/",
        "https://93.184.215.14@hooks.kommune.no/",
        "https://hooks.kommune.no\\@127.0.0.1/",
        "https://hooks.kommune.no/#fragment",
        "https://hooks.kommune.no/ b",
        "https://hooks.kommune.no/\r\nHost: other",
        "https://hooks.kommune.no/\x00",
        "https://bodø.no/",
        "https://hooks..kommune.no/",
        "https://-hooks.kommune.no/",
        "https://hooks-.kommune.no/",
        "https://hooks.kommune.no./",
        "https://hooks.kommune.no:x/",
        "https://hooks.kommune.no:99999/",
        "https://[::1/",
        "https://[2606:2800:21f::1%25eth0]/",
        "https://[v1.a]/",
        "https://[v1.kommune.no]/",
        "https://[VF.2606:2800]:443/",
        "https://" + "a" * 64 + ".no/",
        "https://" + ".".join(["a" * 60] * 5) + "/",
    ],
)
def test_a_url_that_two_readers_might_read_differently_is_refused(url: str) -> None:
    assert refusal(url) == "webhook_url_malformed"
    assert refusal(url, HOME) == "webhook_url_malformed"


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "1.2.3", "a.0x"])
def test_an_address_in_an_odd_spelling_is_nobodys_name(host: str) -> None:
    assert refusal(f"https://{host}/") == "webhook_url_malformed"


def test_a_call_without_tls_is_refused() -> None:
    assert refusal("http://hooks.kommune.no/") == "webhook_url_not_https"


@pytest.mark.parametrize("port", [0, 22, 80, 8443])
def test_a_port_that_the_operator_has_not_named_is_refused(port: int) -> None:
    assert refusal(f"https://hooks.kommune.no:{port}/") == "webhook_url_port"


def test_a_port_that_the_operator_has_named_is_called() -> None:
    rule = AddressRule(ports=frozenset({443, 8443}))
    assert parse_url("https://hooks.kommune.no:8443/", rule).port == 8443
    assert refusal("https://hooks.kommune.no:8444/", rule) == "webhook_url_port"


def test_an_endless_url_is_refused() -> None:
    assert refusal("https://hooks.kommune.no/" + "a" * MAX_URL_LENGTH) == "webhook_url_length"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "localhost", "intranet"]
)
def test_a_url_into_a_closed_network_is_refused_at_once(host: str) -> None:
    assert refusal(f"https://{host}/") == "webhook_url_private"


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://localhost:8080/h", WebhookUrl(False, "localhost", 8080, "/h")),
        ("http://127.0.0.1/", WebhookUrl(False, "127.0.0.1", 80, "/")),
        ("https://[::1]:8443/", WebhookUrl(True, "::1", 8443, "/")),
    ],
)
def test_a_demo_may_call_its_own_machine(url: str, read: WebhookUrl) -> None:
    assert parse_url(url, HOME) == read


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3"),  # this network: on many systems this machine
        *("127.0.0.1", "127.255.255.254", "::1"),  # loopback
        *("10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"),  # private
        *("169.254.1.1", "fe80::1"),  # link-local
        *("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"),
        *("100.64.0.1", "100.127.255.254"),  # carriers' NAT
        *("224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"),  # multicast
        *("255.255.255.255", "240.0.0.1"),  # broadcast, reserved
        *("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"),  # documentation
        *("198.18.0.1", "198.19.255.255"),  # benchmarks
        *("::ffff:127.0.0.1", "::ffff:93.184.215.14", "::127.0.0.1", "::"),  # IPv4 in IPv6
        *("2002:7f00:1::1", "2002:5db8:d70e::1", "192.88.99.1"),  # 6to4
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),  # NAT64
        *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),  # Teredo
        *("fec0::1", "100::1", "5f00::1", "4000::1"),  # unassigned
    ],
)
def test_an_address_that_not_everybody_can_reach_is_private(address: str) -> None:
    assert not is_public(ip_address(address))
    assert not RULE.admits(ip_address(address))
    assert HOME.admits(ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["1.1.1.1", "93.184.215.14", "172.15.255.255", "172.32.0.1", "100.128.0.1", "2606:2800:21f::1", "2a00::1"],
)
def test_an_address_of_the_open_internet_is_public(address: str) -> None:
    assert RULE.admits(ip_address(address))


OURS = frozenset({IPv4Network("129.241.0.0/16"), IPv6Network("2001:700::/32")})


@pytest.mark.parametrize("literal", ["129.241.16.4", "[2001:700:300::1]"])
def test_the_operators_own_networks_are_refused_even_with_public_addresses(literal: str) -> None:
    url = f"https://{literal}/"
    assert parse_url(url, RULE)
    assert refusal(url, AddressRule(denied=OURS)) == "webhook_url_private"
    assert refusal(url, AddressRule(own=OURS)) == "webhook_url_private"
    assert parse_url("https://93.184.215.14/", AddressRule(denied=OURS, own=OURS))


def test_the_operator_may_open_an_own_network_but_a_denied_one_stays_closed() -> None:
    url = "https://129.241.16.4/"
    assert parse_url(url, AddressRule(own=OURS, networks=OURS))
    assert refusal(url, AddressRule(denied=OURS, networks=OURS)) == "webhook_url_private"


def test_a_closed_network_that_the_operator_names_is_called_and_no_other() -> None:
    rule = AddressRule(networks=frozenset({IPv4Network("10.20.0.0/16"), IPv6Network("fd00:20::/32")}))
    assert parse_url("https://10.20.1.1/", rule).host == "10.20.1.1"
    for inside in ("10.20.255.255", "fd00:20::1", "93.184.215.14"):
        assert rule.admits(ip_address(inside))
    for outside in ("10.21.0.1", "127.0.0.1", "169.254.169.254", "::1", "fd00:21::1", "::ffff:10.20.1.1"):
        assert not rule.admits(ip_address(outside))
    assert refusal("http://10.20.1.1/", rule) == "webhook_url_not_https"
    assert refusal("https://10.20.1.1:8443/", rule) == "webhook_url_port"
    assert refusal("https://intranet/", rule) == "webhook_url_private"


def test_events_are_chosen_by_name() -> None:
    assert parse_events(["share.ended", "share.opened", "share.ended"]) == {WebhookEvent.ENDED, WebhookEvent.OPENED}


@pytest.mark.parametrize(
    ("names", "code"), [([], "webhook_events_missing"), (["share.ended", "share.*"], "webhook_event_unknown")]
)
def test_a_webhook_for_no_event_is_refused(names: list[str], code: str) -> None:
    with pytest.raises(InvalidInput, match=code) as caught:
        parse_events(names)
    assert caught.value.field == "events"


def test_a_webhook_has_failed_too_long_when_nothing_got_there_for_days() -> None:
    webhook = Webhook("w", "i", b"", b"", frozenset(), NOON)
    assert not webhook.has_failed_too_long(NOON + timedelta(days=99))
    failing = replace(webhook, failing_since=NOON)
    assert not failing.has_failed_too_long(NOON + MAX_FAILURE_PERIOD - timedelta(seconds=1))
    assert failing.has_failed_too_long(NOON + MAX_FAILURE_PERIOD)


def test_a_url_may_have_its_whole_length_and_no_character_more() -> None:
    longest = "https://hooks.kommune.no/".ljust(MAX_URL_LENGTH, "a")
    assert parse_url(longest, RULE).host == "hooks.kommune.no"
    with pytest.raises(InvalidInput) as caught:
        parse_url(longest + "a", RULE)
    assert (caught.value.code, caught.value.params) == ("webhook_url_length", {"longest": MAX_URL_LENGTH})


def test_a_host_may_have_253_characters() -> None:
    host = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 58, "no"])
    assert len(host) == 253
    assert parse_url(f"https://{host}/", RULE).host == host
    assert refusal(f"https://x{host}/") == "webhook_url_malformed"


@pytest.mark.parametrize("port", [1, 65535])
def test_the_first_and_the_last_port_are_ports(port: int) -> None:
    assert parse_url(f"https://hooks.kommune.no:{port}/", AddressRule(ports=frozenset({port}))).port == port


def test_port_zero_is_none_even_where_every_port_is_allowed() -> None:
    assert refusal("https://hooks.kommune.no:0/", HOME) == "webhook_url_port"


def test_a_backslash_anywhere_is_refused() -> None:
    assert refusal("https://hooks.kommune.no/a\\b") == "webhook_url_malformed"


@pytest.mark.parametrize(
    ("names", "code"), [([], "webhook_events_missing"), (["share.opened", "share.eaten"], "webhook_event_unknown")]
)
def test_the_events_of_a_webhook_are_some_and_known(names: list[str], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_events(names)
    assert caught.value.code == code
