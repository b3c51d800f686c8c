"""Settings: what is refused, and the demo stays at home. `test_setting_table` has every default and group."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import create_engine, make_url

from deldokument.config.groups import MailSettings
from deldokument.config.settings import VARIABLES, ConfigurationError, Settings, load_settings
from deldokument.config.types import is_loopback
from deldokument.domain.shares.policy import AccessRule
from tests.support.deployment.environments import BUCKET, DEMO, KEYRING, MAIL, OPENBAO, PKCS11, VERIFIED, WHOLE


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        *VARIABLES,
        "PGHOST",
        "PGHOSTADDR",
        "PGSERVICE",
    ):
        monkeypatch.delenv(name, raising=False)


def loaded(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], **others: str) -> Settings:
    for name, value in (values | others).items():
        monkeypatch.setenv(f"DELDOKUMENT_{name}", value)
    return load_settings()


def refusal(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], **others: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(monkeypatch, values, **others)
    return str(caught.value)


def test_health_and_metrics_are_on_loopback_one_port_above_unless_put_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = loaded(monkeypatch, WHOLE, HOST="0.0.0.0", PORT="9000")
    assert (settings.management_host, settings.management_port) == ("127.0.0.1", 9001)
    settings = loaded(monkeypatch, WHOLE, MANAGEMENT_HOST="10.0.0.10", MANAGEMENT_PORT="9100")
    assert (settings.management_host, settings.management_port) == ("10.0.0.10", 9100)
    assert "DELDOKUMENT_MANAGEMENT_PORT: " in refusal(monkeypatch, WHOLE, MANAGEMENT_PORT="", PORT="65535")


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://Del.Eksempel.example:443/", "https://del.eksempel.example"),
        ("https://del.eksempel.example:8443", "https://del.eksempel.example:8443"),
        ("http://LOCALHOST:80", "http://localhost"),
    ],
)
def test_the_public_url_is_the_origin_that_browsers_send(
    monkeypatch: pytest.MonkeyPatch, typed: str, origin: str
) -> None:
    assert loaded(monkeypatch, WHOLE, PUBLIC_URL=typed).public_url == origin


def test_paths_do_not_depend_on_the_folder_of_a_later_step(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, WHOLE, DATA_DIR="data").data_dir == Path.cwd() / "data"


def test_missing_settings_are_named_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, {})
    assert "DELDOKUMENT_PUBLIC_URL: Field required" in message
    assert "DELDOKUMENT_DATA_DIR: Field required" in message
    assert "BLOBS_DIR" not in message


def test_a_demo_with_half_a_register_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, DEMO, IDPORTEN_CLIENT_ID="x")
    assert "missing DELDOKUMENT_IDPORTEN_ISSUER, DELDOKUMENT_IDPORTEN_CLIENT_KEY_PATH" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST", "0.0.0.0"),
        ("HOST", "::"),
        ("HOST", "192.0.2.1"),
        ("HOST", "127.0.0.1.example"),
        ("HOST", "2130706433"),
        ("MANAGEMENT_HOST", "0.0.0.0"),
        ("MANAGEMENT_HOST", "192.0.2.1"),
        ("PUBLIC_URL", "https://del.eksempel.example"),
        ("PUBLIC_URL", "https://localhost.eksempel.example"),
    ],
)
def test_demo_settings_never_bind_a_public_address(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert "demo settings can never bind a public address" in refusal(monkeypatch, DEMO, **{name: value})


def test_a_path_that_is_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    longest = f"/{'x' * 106}"
    assert str(loaded(monkeypatch, WHOLE, SOCKET_PATH=longest).socket_path) == longest
    refused = refusal(monkeypatch, WHOLE, SOCKET_PATH=f"{longest}x")
    assert "DELDOKUMENT_SOCKET_PATH: must have at most 107 bytes" in refused


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_this_machine_is_known_by_its_names(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "0x7f000001", "127.1"])
def test_nothing_else_is_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url",
    [
        "http://del.eksempel.example",
        "del.eksempel.example",
        "https://",
        "ftp://localhost",
        "https://a:b@del.eksempel.example",
        "https://del.eksempel.example/sti",
        "https://del.eksempel.example?a=b",
        "https://del.eksempel.example#a",
        "https://del.eksempel.example:99999",
    ],
)
def test_a_public_url_that_is_no_safe_origin_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert "DELDOKUMENT_PUBLIC_URL: must" in refusal(monkeypatch, WHOLE, PUBLIC_URL=url)


def test_plain_http_is_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, WHOLE, PUBLIC_URL="http://[::1]:8000/").public_url == "http://[::1]:8000"


def test_access_codes_are_those_of_the_policy_unless_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, WHOLE)
    rule = AccessRule(settings.access_codes_confidential, settings.access_codes_ordinary)
    assert rule == AccessRule()


def test_access_codes_are_freed_of_prefix_and_case(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = "urn:altinn:rolecode:A0236, urn:altinn:accesspackage:Noe-Annet,,komab "
    settings = loaded(monkeypatch, WHOLE, ACCESS_CODES_CONFIDENTIAL=codes)
    assert settings.access_codes_confidential == {"a0236", "noe-annet", "komab"}


def test_a_rule_that_nobody_can_satisfy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ACCESS_CODES_ORDINARY: must name" in refusal(monkeypatch, WHOLE, ACCESS_CODES_ORDINARY=" , ")


def test_the_operators_number_is_a_checked_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, WHOLE).operator_number is None
    assert loaded(monkeypatch, WHOLE, OPERATOR_NUMBER="310 240 001").operator_number == "310240001"
    assert "OPERATOR_NUMBER: must be an organisation number" in refusal(monkeypatch, WHOLE, OPERATOR_NUMBER="310240002")


def test_a_bucket_needs_all_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    store = loaded(monkeypatch, WHOLE | BUCKET).blobs_s3
    assert store is not None
    assert store.bucket == "del-dokument"
    for name in BUCKET:
        message = refusal(monkeypatch, WHOLE | BUCKET, **{name: ""})
        assert name in message
    assert "exactly one of" in refusal(monkeypatch, WHOLE | BUCKET, BLOBS_S3_SECRET_ACCESS_KEY="very-secret")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BLOBS_S3_ENDPOINT", "http://s3.eksempel.example"),
        ("BLOBS_S3_BUCKET", "Del_dokument"),
        ("BLOBS_S3_PREFIX", "/from/the/root"),
        ("BLOBS_S3_PREFIX", "a//b"),
    ],
)
def test_a_bucket_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert f"{name}: " in refusal(monkeypatch, WHOLE | BUCKET, **{name: value})


def test_the_demo_keeps_nothing_outside_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "nothing outside this machine" in refusal(monkeypatch, DEMO | BUCKET)
    assert loaded(monkeypatch, DEMO | BUCKET, BLOBS_S3_ENDPOINT="http://127.0.0.1:8333").blobs_s3


@pytest.mark.parametrize(
    ("name", "url", "chosen"),
    [
        ("OPENBAO_URL", "https://bao.example:8200", {"KEYRING": "openbao"}),
        ("OPENBAO_URL", "https://10.0.0.7:8200", {"ROOT_KEY": "transit"}),
        ("KEYRING_DATABASE_URL", f"postgresql://u@db.example/keyring?{VERIFIED}", {"KEYRING": "postgresql"}),
        ("KEYRING_DATABASE_URL", f"postgresql:///keyring?host=db.example&{VERIFIED}", {"KEYRING": "postgresql"}),
    ],
)
def test_the_demo_keeps_no_keys_outside_this_machine(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, chosen: dict[str, str]
) -> None:
    given = DEMO | chosen | (OPENBAO if name == "OPENBAO_URL" else {})
    message = refusal(monkeypatch, given | {name: url})
    assert f"DELDOKUMENT_{name}: the demo keeps nothing outside this machine" in message
    local = {"OPENBAO_URL": "http://127.0.0.1:8200", "KEYRING_DATABASE_URL": "postgresql://u@127.0.0.1/keyring"}
    assert loaded(monkeypatch, given | {name: local[name]}).demo


@pytest.mark.parametrize(
    "url", [f"postgresql://u@db.example/d?{VERIFIED}", f"postgresql:///d?host=10.0.0.7&{VERIFIED}"]
)
def test_the_demo_never_works_on_a_database_of_another_machine(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    message = refusal(monkeypatch, DEMO, DATABASE_URL=url)
    assert "DELDOKUMENT_DATABASE_URL: the demo keeps nothing outside this machine" in message
    assert loaded(monkeypatch, DEMO, DATABASE_URL="postgresql://u@127.0.0.1/d").demo


def test_a_wrong_value_of_a_group_that_is_not_used_does_not_ask_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, WHOLE, SMTP_PORT="70000")
    assert "DELDOKUMENT_SMTP_PORT: " in message
    assert "missing" not in message


def test_secrets_show_neither_in_repr_nor_in_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"DATABASE_URL": f"postgresql://u:very-secret@db/d?{VERIFIED}", "SEAL_KEY_PASSWORD": "very-secret"}
    secrets |= BUCKET | {"BLOBS_S3_SECRET_ACCESS_KEY_PATH": "", "BLOBS_S3_SECRET_ACCESS_KEY": "very-secret"}
    assert "very-secret" not in repr(loaded(monkeypatch, WHOLE | secrets))
    assert "very-secret" not in refusal(monkeypatch, WHOLE | secrets, PUBLIC_URL="https://u:very-secret@x.example")


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, WHOLE)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1


def test_a_setting_that_does_not_exist_cannot_be_given() -> None:
    with pytest.raises(ConfigurationError, match="DELDOKUMENT_ALOW_SYNTHETIC"):
        load_settings(public_url="http://localhost", data_dir="/tmp/x", demo=True, alow_synthetic=True)


def test_mail_goes_protected_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, WHOLE, **MAIL)
    assert settings.smtp == MailSettings(host=MAIL["SMTP_HOST"], sender=MAIL["SMTP_SENDER"])
    assert (settings.smtp.port, settings.smtp.security, settings.smtp.username) == (587, "starttls", "")


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"SMTP_HOST": "post.eksempel.example"}, "SMTP_SENDER"),
        ({"SMTP_SENDER": "ikke-svar@eksempel.example"}, "SMTP_HOST"),
        (MAIL | {"SMTP_USERNAME": "del"}, "SMTP_PASSWORD"),
        (MAIL | {"SMTP_PASSWORD": "very-secret"}, "SMTP_USERNAME"),
        ({"SMTP_USERNAME": "del", "SMTP_PASSWORD": "very-secret"}, "SMTP_HOST"),
    ],
)
def test_half_a_mail_server_is_none(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], missing: str) -> None:
    message = refusal(monkeypatch, WHOLE, **given)
    assert f"missing DELDOKUMENT_{missing}" in message
    assert "very-secret" not in message


def test_all_that_is_missing_of_registers_and_mail_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, WHOLE, IDPORTEN_CLIENT_ID="", ALTINN_RIGHTS="pdp", SMTP_USERNAME="del")
    names = ["IDPORTEN_CLIENT_ID", "ALTINN_RESOURCE_CONFIDENTIAL", "ALTINN_RESOURCE_ORDINARY"]
    names += ["SMTP_HOST", "SMTP_SENDER", "SMTP_PASSWORD"]
    assert message.splitlines()[1:] == ["  missing " + ", ".join(f"DELDOKUMENT_{name}" for name in names)]


def test_nothing_leaves_this_machine_by_unprotected_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "DELDOKUMENT_SMTP_SECURITY" in refusal(monkeypatch, WHOLE, **MAIL, SMTP_SECURITY="none")
    local = MAIL | {"SMTP_HOST": "127.0.0.1", "SMTP_SECURITY": "none"}
    mail = loaded(monkeypatch, WHOLE, **local).smtp
    assert mail is not None
    assert mail.security == "none"


def test_the_sender_of_mail_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, WHOLE, **MAIL | {"SMTP_SENDER": "Del dokument <ikke-svar@eksempel.example>"})
    assert "DELDOKUMENT_SMTP_SENDER: must be an e-mail address" in message


@pytest.mark.parametrize(
    "host", ["post.eksempel.example:25", "smtp://post.eksempel.example", "[::1]", "u@post.example"]
)
def test_a_mail_server_is_a_host_without_its_port(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    message = refusal(monkeypatch, WHOLE, **MAIL | {"SMTP_HOST": host})
    assert "DELDOKUMENT_SMTP_HOST: must be a host's name or address" in message
    mail = loaded(monkeypatch, WHOLE, **MAIL | {"SMTP_HOST": "2001:db8::25"}).smtp
    assert mail is not None
    assert mail.host == "2001:db8::25"


@pytest.mark.parametrize("name", ["SMTP_USERNAME", "SMTP_PASSWORD", "METRICS_TOKEN", "ALTINN_SUBSCRIPTION_KEY"])
def test_letters_that_a_protocol_cannot_transmit_are_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    login = MAIL | {"SMTP_USERNAME": "del", "SMTP_PASSWORD": "very-secret"}
    message = refusal(monkeypatch, WHOLE | login, **{name: "blåbærsyltetøy og mer"})
    assert f"DELDOKUMENT_{name}: must have no other letters than ASCII's" in message
    assert "syltet" not in message


def test_the_decision_point_needs_both_resources(monkeypatch: pytest.MonkeyPatch) -> None:
    message = refusal(monkeypatch, WHOLE, ALTINN_RIGHTS="pdp", ALTINN_RESOURCE_ORDINARY="ordinary")
    assert message.splitlines()[1:] == ["  missing DELDOKUMENT_ALTINN_RESOURCE_CONFIDENTIAL"]
    assert "DELDOKUMENT_ALTINN_RIGHTS" in refusal(monkeypatch, WHOLE, ALTINN_RIGHTS="guesswork")


def test_webhooks_lead_to_the_open_internet_on_443_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, WHOLE)
    assert (settings.webhook_ports, settings.webhook_networks) == (frozenset({443}), frozenset())
    settings = loaded(monkeypatch, WHOLE, WEBHOOK_PORTS="443, 8443", WEBHOOK_NETWORKS="10.20.0.0/16,fd00:20::/32")
    assert settings.webhook_ports == {443, 8443}
    assert {str(network) for network in settings.webhook_networks} == {"10.20.0.0/16", "fd00:20::/32"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORTS", "0"),
        ("PORTS", "65536"),
        ("PORTS", ","),
        ("PORTS", "https"),
        ("NETWORKS", "10.20.0.1/16"),
        ("DENIED_NETWORKS", "x"),
    ],
)
def test_an_invalid_port_or_network_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert f"DELDOKUMENT_WEBHOOK_{name}" in refusal(monkeypatch, WHOLE, **{f"WEBHOOK_{name}": value})


def test_a_token_for_another_service_opens_nothing_here_even_if_nobody_named_an_audience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert loaded(monkeypatch, WHOLE).api_audience == WHOLE["PUBLIC_URL"]
    assert loaded(monkeypatch, WHOLE, API_AUDIENCE="").api_audience == WHOLE["PUBLIC_URL"]
    assert loaded(monkeypatch, WHOLE, API_AUDIENCE="https://api.example").api_audience == "https://api.example"


def test_the_demo_accepts_tokens_for_itself_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = loaded(monkeypatch, DEMO)
    assert demo.api_audience == demo.public_url


@pytest.mark.parametrize(
    ("name", "value"), [("API_SCOPE", "two scopes"), ("API_SCOPE", 'a"b'), ("API_REQUESTS_PER_MINUTE", "0")]
)
def test_an_invalid_scope_or_limit_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert f"DELDOKUMENT_{name}" in refusal(monkeypatch, WHOLE, **{name: value})


def test_the_keyring_may_have_a_postgresql_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, WHOLE, KEYRING="postgresql", KEYRING_DATABASE_URL=KEYRING)
    assert settings.keyring_database is not None
    assert settings.keyring_database.url == KEYRING
    assert "keys:secret" not in repr(settings)


@pytest.mark.parametrize(
    "given",
    [
        {"KEYRING": "openbao", **OPENBAO},
        {"ROOT_KEY": "transit", **OPENBAO},
        {"KEYRING": "openbao", "ROOT_KEY": "transit", **OPENBAO},
        {"KEYRING": "postgresql", "KEYRING_DATABASE_URL": KEYRING, "ROOT_KEY": "pkcs11", **PKCS11},
        {"KEYRING": "openbao", "ROOT_KEY": "pkcs11", **OPENBAO, **PKCS11},
    ],
)
def test_every_keyring_goes_with_every_root_key(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    settings = loaded(monkeypatch, WHOLE, **given)
    assert settings.keyring == given.get("KEYRING", "sqlite")
    assert settings.root_key == given.get("ROOT_KEY", "file")


@pytest.mark.parametrize("name", ["OPENBAO_URL", "OPENBAO_ROLE_ID", "OPENBAO_SECRET_ID_PATH"])
@pytest.mark.parametrize("chosen", [{"KEYRING": "openbao"}, {"ROOT_KEY": "transit"}])
def test_half_an_openbao_does_not_start(monkeypatch: pytest.MonkeyPatch, name: str, chosen: dict[str, str]) -> None:
    given = {key: value for key, value in OPENBAO.items() if key != name}
    assert f"missing DELDOKUMENT_{name}" in refusal(monkeypatch, WHOLE, **chosen, **given)


def test_two_deployments_do_not_share_a_tokens_root_keys_because_nobody_named_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unnamed = {key: value for key, value in PKCS11.items() if key != "PKCS11_KEY"}
    assert "missing DELDOKUMENT_PKCS11_KEY" in refusal(monkeypatch, WHOLE, ROOT_KEY="pkcs11", **unnamed)


@pytest.mark.parametrize("given", [OPENBAO, PKCS11, {"ROOT_KEY": "pkcs11", **PKCS11, **OPENBAO}])
def test_what_would_be_believed_to_be_in_use_does_not_start(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    assert "not used with" in refusal(monkeypatch, WHOLE, **given)


def test_keys_never_travel_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {**OPENBAO, "OPENBAO_URL": "http://bao.example:8200"}
    assert "DELDOKUMENT_OPENBAO_URL" in refusal(monkeypatch, WHOLE, KEYRING="openbao", **given)


@pytest.mark.parametrize(
    "given",
    [
        {"KEYRING": "postgresql"},
        {"KEYRING_DATABASE_URL": KEYRING},
        {"KEYRING": "postgresql", "KEYRING_DATABASE_URL": "sqlite:///keyring"},
        {"KEYRING": "elsewhere"},
    ],
)
def test_half_a_keyring_does_not_start(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    message = refusal(monkeypatch, WHOLE, **given)
    assert "DELDOKUMENT_KEYRING" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("DATABASE_URL", "postgres://u:very-secret@db.example/deldokument"),
        ("DATABASE_URL", "mysql://u:very-secret@db.example/deldokument"),
        ("DATABASE_URL", "postgresql+asyncpg://u:very-secret@db.example/deldokument"),
        ("DATABASE_URL", "very-secret"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite://relative.sqlite3"),
        ("DATABASE_URL", "postgresql://u:very-secret@db.example:port/deldokument"),
        ("DATABASE_URL", "postgresql://u:very-secret℀@db.example/deldokument"),
        ("KEYRING_DATABASE_URL", "postgres://u:very-secret@db.example/keyring"),
        ("KEYRING_DATABASE_URL", "sqlite:////very-secret"),
        ("DATABASE_URL", f"postgresql://u:very-secret@db.example/deldokument?{VERIFIED}#"),
        ("DATABASE_URL", f"postgresql://u:very-secret@db.example/deldokument?{VERIFIED}#&sslmode=disable"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    message = refusal(monkeypatch, WHOLE | {"KEYRING": "postgresql", "KEYRING_DATABASE_URL": KEYRING}, **{name: url})
    assert f"  DELDOKUMENT_{name}: must " in message
    assert "very-secret" not in message


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///deldokument.sqlite3",
        "sqlite+pysqlite:////var/lib/del@dokument.sqlite3",
        "postgresql:///deldokument",
        f"postgresql+psycopg://u:p%2Fw@db.example:5433/deldokument?{VERIFIED}",
        f"postgresql:///?host=10.0.0.1&dbname=deldokument&{VERIFIED}",
    ],
)
def test_a_database_is_written_as_sqlalchemy_writes_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    assert loaded(monkeypatch, WHOLE, DATABASE_URL=url).database_url == url


@pytest.mark.parametrize("name", ["DATABASE_URL", "KEYRING_DATABASE_URL"])
@pytest.mark.parametrize("password", ["p/w", "12/w", "12?w", "12#w", "p@/w"])
def test_a_password_that_is_not_percent_encoded_is_never_taken_for_a_host(
    monkeypatch: pytest.MonkeyPatch, name: str, password: str
) -> None:
    given = WHOLE | {"KEYRING": "postgresql", "KEYRING_DATABASE_URL": KEYRING}
    message = refusal(monkeypatch, given, **{name: f"postgresql://keys:{password}@db.example/deldokument"})
    assert f"DELDOKUMENT_{name}: must have its password percent-encoded" in message
    assert password not in message


ELSEWHERE = [
    "postgresql://u:very-secret@db.example/d?",
    "postgresql+psycopg://u:very-secret@10.0.0.10:5433/d?",
    "postgresql://u:very-secret@[2001:db8::1]/d?",
    "postgresql://u:very-secret@[::ffff:10.0.0.10]/d?",
    "postgresql://u:very-secret@localhost.example/d?",
    "postgresql://u:very-secret@127.0.0.1,db.example/d?",
    "postgresql://u:very-secret@db.example,127.0.0.1/d?",
    "postgresql:///d?host=db.example&",
    "postgresql:///d?host=/run/postgresql,db.example&",
    "postgresql:///d?host=127.0.0.1:5432&host=db.example:5432&",
    "postgresql:///d?host=2001:db8::1&",
    "postgresql:///d?host=::ffff:10.0.0.10&",
    "postgresql://u:very-secret@127.0.0.1/d?host=db.example&",
    "postgresql://u:very-secret@127.0.0.1/d?hostaddr=10.0.0.10&",
    "postgresql://u:very-secret@localhost/d?hostaddr=127.0.0.1,10.0.0.10&",
    "postgresql:///d?service=production&",
]
HERE = [
    "postgresql:///d",
    "postgresql://u@/d",
    "postgresql://u@127.0.0.1:5433/d",
    "postgresql://u@127.9.9.9/d",
    "postgresql://u@localhost/d",
    "postgresql://u@[::1]:5433/d",
    "postgresql://u@127.0.0.1,localhost/d",
    "postgresql://%2Frun%2Fpostgresql/d",
    "postgresql:///d?host=/run/postgresql",
    "postgresql:///d?host=/run/postgresql,127.0.0.1",
    "postgresql:///d?host=%40abstract",
    "postgresql:///d?host=127.0.0.1:5432&host=localhost:5433",
    "postgresql:///d?host=::1",
    "postgresql://u@localhost/d?hostaddr=127.0.0.1&sslmode=disable",
]
UNVERIFIED = [
    "",
    "sslmode=disable",
    "sslmode=prefer",
    "sslmode=require",
    "sslmode=require&channel_binding=require",
    "sslmode=verify-ca&channel_binding=require",
    "sslmode=verify-full",
    "sslmode=verify-full&channel_binding=prefer",
    "sslmode=verify-full&sslcert=",
    "sslmode=verify-full&sslmode=disable&channel_binding=require",
    "SSLMODE=verify-full&channel_binding=require",
    "channel_binding=require",
    "sslcert=/etc/deldokument/keys/postgresql.pem",
]
PROVEN = [
    VERIFIED,
    f"{VERIFIED}&sslrootcert=/etc/deldokument/postgresql.pem",
    "sslmode=verify-full&sslcert=/etc/deldokument/keys/postgresql.pem&sslkey=/etc/deldokument/keys/postgresql.key",
]
TLS_RULE = "must have sslmode=verify-full and channel_binding=require in its query"


def databases(name: str, url: str) -> dict[str, str]:
    """Whole settings with that database URL."""
    return WHOLE | {"KEYRING": "postgresql", "KEYRING_DATABASE_URL": KEYRING} | {name: url}


@pytest.mark.parametrize("name", ["DATABASE_URL", "KEYRING_DATABASE_URL"])
@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_database_on_another_machine_must_prove_who_it_is(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    # The variables of this environment do not count: another process, or a shell, has none.
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGCHANNELBINDING", "require")
    for query in UNVERIFIED:
        message = refusal(monkeypatch, databases(name, url + query))
        assert f"  DELDOKUMENT_{name}: {TLS_RULE}" in message
        assert "very-secret" not in message
    for query in PROVEN:
        assert loaded(monkeypatch, databases(name, url + query))


@pytest.mark.parametrize("name", ["DATABASE_URL", "KEYRING_DATABASE_URL"])
@pytest.mark.parametrize("url", HERE)
def test_a_database_on_this_machine_needs_no_tls(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    settings = loaded(monkeypatch, databases(name, url))
    assert settings.keyring_database is not None
    assert url in (settings.database_url, settings.keyring_database.url)


@pytest.mark.parametrize(
    ("variable", "value"), [("PGHOST", "db.example"), ("PGHOSTADDR", "10.0.0.10"), ("PGSERVICE", "production")]
)
def test_a_variable_of_the_database_library_leads_to_no_other_machine_unverified(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert TLS_RULE in refusal(monkeypatch, databases("DATABASE_URL", "postgresql:///d"))
    assert loaded(monkeypatch, databases("DATABASE_URL", f"postgresql:///d?{VERIFIED}"))


@pytest.mark.parametrize("url", [url for url in (*ELSEWHERE, *HERE) if "service=" not in url])
def test_where_a_database_is_is_read_as_its_library_reads_it(url: str) -> None:
    """Every host that the driver is given is one that the rule has seen."""
    place = make_url(url.rstrip("?&"))
    _, given = create_engine(place.set(drivername="postgresql+psycopg")).dialect.create_connect_args(place)
    named = [host for part in ("host", "hostaddr") for host in str(given.get(part, "")).split(",")]
    assert (url in HERE) == all(not host or host[0] in "/@%" or is_loopback(host) for host in named), named
