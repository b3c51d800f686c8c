"""Every documented setting: its default, where its value ends up, and the groups that are whole or refused."""

from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from deldokument.config.settings import PREFIX, VARIABLES, ConfigurationError, Settings, load_settings
from deldokument.domain.messages.email_addresses import Language
from deldokument.domain.shares.scan_policy import DEFAULT_POLICY, Handling
from deldokument.domain.shares.share import Verdict
from tests.docs.documents import DOCS, table
from tests.support.deployment.environments import BUCKET, DEMO, KEYRING, MAIL, OPENBAO, PKCS11, VERIFIED, WHOLE

DATA = Path("/var/lib/deldokument")
REQUIRED = object()
"""In place of a default: without the setting, beside those of its group, nothing starts."""
CONFIDENTIAL = frozenset({"a0236", "post-til-virksomheten-med-taushetsbelagt-innhold"})
SECRET_BUCKET = {name: value for name, value in BUCKET.items() if not name.endswith("_PATH")}
SCANNER, LIMIT = {"SCANNER_URL": "unix:///run/clamav/clamd.ctl"}, {"SCANNER_MAX_MB": "100"}
LOGIN = {"SMTP_USERNAME": "del", "SMTP_PASSWORD": "very-secret"}
RESOURCES = {"ALTINN_RESOURCE_CONFIDENTIAL": "urn:confidential", "ALTINN_RESOURCE_ORDINARY": "urn:ordinary"}
POSTGRESQL = {"KEYRING": "postgresql", "KEYRING_DATABASE_URL": KEYRING}
BAO_KEYRING, TRANSIT = {"KEYRING": "openbao", **OPENBAO}, {"ROOT_KEY": "transit", **OPENBAO}
HSM = {"ROOT_KEY": "pkcs11", **PKCS11}
PDP = {"ALTINN_RIGHTS": "pdp", **RESOURCES}
LOCAL_MAIL = MAIL | {"SMTP_HOST": "127.0.0.1"}

Row = tuple[str, object, str, object, dict[str, str]]
ROWS: dict[str, Row] = {
    # Variable: attribute, default, an operator's value, the parsed value, other settings that it needs.
    "PUBLIC_URL": ("public_url", REQUIRED, "https://other.example/", "https://other.example", {}),
    "HOST": ("host", "127.0.0.1", "10.0.0.1", "10.0.0.1", {}),
    "PORT": ("port", 8000, "9000", 9000, {}),
    "SOCKET_PATH": ("socket_path", None, "/run/serve/serve.sock", Path("/run/serve/serve.sock"), {}),
    "MANAGEMENT_HOST": ("management_host", "127.0.0.1", "10.0.0.1", "10.0.0.1", {}),
    "MANAGEMENT_PORT": ("management_port", 8001, "9100", 9100, {}),
    "SERVE_WORKERS": ("serve_workers", 1, "4", 4, {}),
    "LOG_FORMAT": ("log_format", "text", "json", "json", {}),
    "OTLP_ENDPOINT": ("otlp_endpoint", None, "http://127.0.0.1:4318/", "http://127.0.0.1:4318", {}),
    "MAX_CONNECTIONS": ("max_connections", 2000, "500", 500, {}),
    "LEND_SOCKETS": ("lend_sockets", True, "false", False, {}),
    "DATA_DIR": ("data_dir", REQUIRED, "/srv/data", Path("/srv/data"), {}),
    "DATABASE_URL": (
        "database_url",
        f"sqlite:///{DATA}/deldokument.sqlite3",
        f"postgresql://u:p@db.example/d?{VERIFIED}",
        f"postgresql://u:p@db.example/d?{VERIFIED}",
        {},
    ),
    "DATABASE_SERVE_ROLE": ("database_serve_role", None, "del_serve", "del_serve", {}),
    "DATABASE_WORKER_ROLE": ("database_worker_role", None, "del_worker", "del_worker", {}),
    "BLOBS_DIR": ("blobs_dir", DATA / "blobs", "/srv/blobs", Path("/srv/blobs"), {}),
    "BLOBS_S3_BUCKET": ("blobs_s3.bucket", REQUIRED, "other", "other", BUCKET),
    "BLOBS_S3_ENDPOINT": ("blobs_s3.endpoint", REQUIRED, "https://a.example", "https://a.example", BUCKET),
    "BLOBS_S3_REGION": ("blobs_s3.region", "us-east-1", "eu-north-1", "eu-north-1", BUCKET),
    "BLOBS_S3_PREFIX": ("blobs_s3.prefix", "", "del/prod", "del/prod", BUCKET),
    "BLOBS_S3_PATH_STYLE": ("blobs_s3.path_style", True, "false", False, BUCKET),
    "BLOBS_S3_ACCESS_KEY_ID": ("blobs_s3.access_key_id", REQUIRED, "other", "other", BUCKET),
    "BLOBS_S3_SECRET_ACCESS_KEY": ("blobs_s3.secret_access_key", REQUIRED, "s", SecretStr("s"), SECRET_BUCKET),
    "BLOBS_S3_SECRET_ACCESS_KEY_PATH": ("blobs_s3.secret_access_key_path", REQUIRED, "/a", Path("/a"), SECRET_BUCKET),
    "KEYRING": ("keyring", "sqlite", "openbao", "openbao", OPENBAO),
    "KEYRING_PATH": ("keyring_path", DATA / "keyring.sqlite3", "/mnt/keys", Path("/mnt/keys"), {}),
    "KEYRING_DATABASE_URL": (
        "keyring_database.url",
        REQUIRED,
        "postgresql:///keyring",
        "postgresql:///keyring",
        POSTGRESQL,
    ),
    "ROOT_KEY": ("root_key", "file", "pkcs11", "pkcs11", PKCS11),
    "ROOT_KEY_PATH": ("root_key_path", DATA / "root.key", "/mnt/root", Path("/mnt/root"), {}),
    "OPENBAO_URL": ("openbao.url", REQUIRED, "https://a.example", "https://a.example", BAO_KEYRING),
    "OPENBAO_ROLE_ID": ("openbao.role_id", REQUIRED, "other", "other", TRANSIT),
    "OPENBAO_SECRET_ID_PATH": ("openbao.secret_id_path", REQUIRED, "/a", Path("/a"), BAO_KEYRING),
    "OPENBAO_CA_PATH": ("openbao.ca_path", None, "/ca.pem", Path("/ca.pem"), TRANSIT),
    "OPENBAO_KEYRING_MOUNT": ("openbao.keyring_mount", "deldokument", "other", "other", BAO_KEYRING),
    "TRANSIT_MOUNT": ("transit_mount", "transit", "other", "other", TRANSIT),
    "TRANSIT_KEY": ("transit_key", "deldokument", "other", "other", TRANSIT),
    "PKCS11_MODULE_PATH": ("pkcs11.module_path", REQUIRED, "/a.so", Path("/a.so"), HSM),
    "PKCS11_TOKEN": ("pkcs11.token", REQUIRED, "other", "other", HSM),
    "PKCS11_PIN_PATH": ("pkcs11.pin_path", REQUIRED, "/a", Path("/a"), HSM),
    "PKCS11_KEY": ("pkcs11.key", REQUIRED, "other", "other", HSM),
    "SEAL_KEY_PATH": ("seal_key_path", DATA / "seal.key", "/a.key", Path("/a.key"), {}),
    "SEAL_CERTIFICATE_PATH": ("seal_certificate_path", DATA / "seal.pem", "/a.pem", Path("/a.pem"), {}),
    "SEAL_KEY_PASSWORD": ("seal_key_password", SecretStr(""), "s", SecretStr("s"), {}),
    "DEMO": ("demo", False, "true", True, {"PUBLIC_URL": "http://localhost:8000"}),
    "ALLOW_SYNTHETIC": ("allow_synthetic", False, "true", True, {}),
    "IDPORTEN_ISSUER": ("idporten.issuer", REQUIRED, "https://a.example/", "https://a.example/", {}),
    "IDPORTEN_CLIENT_ID": ("idporten.client_id", REQUIRED, "other", "other", {}),
    "IDPORTEN_CLIENT_KEY_PATH": ("idporten.client_key_path", REQUIRED, "/a", Path("/a"), {}),
    "MASKINPORTEN_ISSUER": ("maskinporten.issuer", REQUIRED, "https://a.example/", "https://a.example/", {}),
    "MASKINPORTEN_CLIENT_ID": ("maskinporten.client_id", REQUIRED, "other", "other", {}),
    "MASKINPORTEN_CLIENT_KEY_PATH": ("maskinporten.client_key_path", REQUIRED, "/a", Path("/a"), {}),
    "MASKINPORTEN_RESOURCE": ("maskinporten.resource", "", "https://a.example", "https://a.example", {}),
    "API_SCOPE": ("api_scope", "deldokument:share", "other:scope", "other:scope", {}),
    "API_AUDIENCE": ("api_audience", "https://del.eksempel.example", "https://a.example", "https://a.example", {}),
    "API_REQUESTS_PER_MINUTE": ("api_requests_per_minute", 600, "60", 60, {}),
    "REFUSALS_PER_HOUR": ("refusals_per_hour", 30, "60", 60, {}),
    "LOGINS_PER_HOUR": ("logins_per_hour", 60, "30", 30, {}),
    "LOOKUPS_PER_HOUR": ("lookups_per_hour", 2000, "500", 500, {}),
    "DRAFTS_PER_HOUR": ("drafts_per_hour", 200, "20", 20, {}),
    "DEFAULT_UNDO_MINUTES": ("default_undo_minutes", 2, "0", 0, {}),
    "DEFAULT_QUOTA_GB": ("default_quota_gb", 1000, "50", 50, {}),
    "MAX_DRAFTS": ("max_drafts", 1000, "100", 100, {}),
    "MAX_UPLOADS": ("max_uploads", 5000, "100", 100, {}),
    "ALTINN_BASE_URL": ("altinn.base_url", REQUIRED, "https://a.example/", "https://a.example", {}),
    "ALTINN_SUBSCRIPTION_KEY": ("altinn.subscription_key", REQUIRED, "s", SecretStr("s"), {}),
    "ALTINN_TOKEN_EXCHANGE": ("altinn.token_exchange", False, "true", True, {}),
    "ALTINN_RIGHTS": ("altinn.rights", "authorized-parties", "pdp", "pdp", RESOURCES),
    "ALTINN_RESOURCE_CONFIDENTIAL": ("altinn.resource_confidential", REQUIRED, "urn:a", "urn:a", PDP),
    "ALTINN_RESOURCE_ORDINARY": ("altinn.resource_ordinary", REQUIRED, "urn:a", "urn:a", PDP),
    "ALTINN_DECISION_SCOPE": ("altinn.decision_scope", "altinn:authorization/authorize", "a", "a", {}),
    "ALTINN_SCOPE": ("altinn.scope", "altinn:accessmanagement/authorizedparties.resourceowner", "a", "a", {}),
    "ALTINN_NOTIFICATIONS_BASE_URL": (
        "altinn.notifications_base_url",
        None,
        "https://a.example/",
        "https://a.example",
        {},
    ),
    "ALTINN_NOTIFICATIONS_SCOPE": (
        "altinn.notifications_scope",
        "altinn:serviceowner/notifications.create",
        "a",
        "a",
        {},
    ),
    "ALTINN_NOTIFICATIONS_RESOURCE": ("altinn.notifications_resource", None, "urn:a", "urn:a", {}),
    "NOTICE_SENDER": ("notice_sender", "DelDokument", "Other", "Other", {}),
    "NOTICE_LANGUAGE": ("notice_language", Language.BOKMAAL, "en", Language.ENGLISH, {}),
    "ENHETSREGISTERET_BASE_URL": (
        "enhetsregisteret_base_url",
        "https://data.brreg.no",
        "https://a.example",
        "https://a.example",
        {},
    ),
    "WEBHOOK_PORTS": ("webhook_ports", frozenset({443}), "443, 8443", frozenset({443, 8443}), {}),
    "WEBHOOK_NETWORKS": (
        "webhook_networks",
        frozenset(),
        "10.20.0.0/16",
        frozenset({IPv4Network("10.20.0.0/16")}),
        {},
    ),
    "WEBHOOK_DENIED_NETWORKS": (
        "webhook_denied_networks",
        frozenset(),
        "129.241.0.0/16",
        frozenset({IPv4Network("129.241.0.0/16")}),
        {},
    ),
    "SCAN_POLICY": ("scan_policy", DEFAULT_POLICY, "stale=held", DEFAULT_POLICY | {Verdict.STALE: Handling.HELD}, {}),
    "SCANNER_URL": ("scanner.url", REQUIRED, "tcp://127.0.0.1:3310", "tcp://127.0.0.1:3310", SCANNER | LIMIT),
    "SCANNER_MAX_MB": ("scanner.max_mb", 2000, "100", 100, SCANNER),
    "SCANNER_SIGNATURE_DAYS": ("scanner.signature_days", 7, "2", 2, SCANNER),
    "SMTP_HOST": ("smtp.host", REQUIRED, "mail.example", "mail.example", MAIL),
    "SMTP_PORT": ("smtp.port", 587, "465", 465, MAIL),
    "SMTP_SECURITY": ("smtp.security", "starttls", "none", "none", LOCAL_MAIL),
    "SMTP_SENDER": ("smtp.sender", REQUIRED, "a@b.example", "a@b.example", MAIL),
    "SMTP_USERNAME": ("smtp.username", REQUIRED, "other", "other", MAIL | LOGIN),
    "SMTP_PASSWORD": ("smtp.password", REQUIRED, "s", SecretStr("s"), MAIL | LOGIN),
    "ACCESS_CODES_CONFIDENTIAL": ("access_codes_confidential", CONFIDENTIAL, "A, b", frozenset({"a", "b"}), {}),
    "ACCESS_CODES_ORDINARY": (
        "access_codes_ordinary",
        CONFIDENTIAL | {"ordinaer-post-til-virksomheten"},
        "A, b",
        frozenset({"a", "b"}),
        {},
    ),
    "METRICS_TOKEN": ("metrics_token", None, "0123456789abcdef", SecretStr("0123456789abcdef"), {}),
    "OPERATOR_NAME": ("operator_name", "Del dokument", "Drift IKS", "Drift IKS", {}),
    "OPERATOR_NUMBER": ("operator_number", None, "310 240 001", "310240001", {}),
    "OPERATOR_CONTACT": ("operator_contact", None, "22 00 00 00", "22 00 00 00", {}),
    "AGREEMENT_RETURN_ADDRESS": ("agreement_return_address", None, "Boks 1", "Boks 1", {}),
    "AGREEMENT_CONTRACT_PARTY": ("agreement_contract_party", None, "Drift IKS", "Drift IKS", {}),
    "ACCESSIBILITY_STATEMENT_URL": (
        "accessibility_statement_url",
        None,
        "https://a.example",
        "https://a.example",
        {},
    ),
    "PRIVACY_URL": ("privacy_url", None, "https://a.example", "https://a.example", {}),
}
NEEDED = {name: row for name, row in ROWS.items() if row[1] is REQUIRED}
SECRETS = [name for name, row in ROWS.items() if isinstance(row[3], SecretStr)]
SETTINGS_ALONE = "DELDOKUMENT_KEYRING=sqlite, DELDOKUMENT_ROOT_KEY=file"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "PGHOST", "PGHOSTADDR", "PGSERVICE"):
        monkeypatch.delenv(name, raising=False)


def loaded(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(PREFIX + name, value)
    return load_settings()


def refusal(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(monkeypatch, values)
    return str(caught.value).splitlines()[1:]


def at(settings: Settings, attribute: str) -> Any:
    value: Any = settings
    for name in attribute.split("."):
        value = getattr(value, name)
    return value


def without(values: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in names}


def test_the_table_has_every_documented_setting() -> None:
    documented = {
        row[0].strip("`") for row in table((DOCS / "operate" / "settings.md").read_text("utf-8"), "All settings")
    }
    assert {PREFIX + name for name in ROWS} == documented == set(VARIABLES)


@pytest.mark.parametrize("name", ROWS.keys() - NEEDED.keys())
def test_a_setting_that_is_left_out_has_its_default(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    attribute, default, _, _, besides = ROWS[name]
    group = without(besides, name) if "." in attribute else {}
    assert at(loaded(monkeypatch, WHOLE | group), attribute) == default


@pytest.mark.parametrize("name", ROWS)
def test_a_setting_is_where_it_has_effect(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    attribute, default, written, value, besides = ROWS[name]
    assert value != default
    assert at(loaded(monkeypatch, WHOLE | besides | {name: written}), attribute) == value


@pytest.mark.parametrize("name", ROWS)
def test_given_values_override_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    attribute, _, written, value, besides = ROWS[name]
    for each, other in (WHOLE | besides).items():
        monkeypatch.setenv(PREFIX + each, other)
    assert at(load_settings(**{name.lower(): written}), attribute) == value


@pytest.mark.parametrize("name", NEEDED)
def test_an_incomplete_group_names_the_missing_settings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    errors = refusal(monkeypatch, without(WHOLE | NEEDED[name][-1], name))
    if "SECRET_ACCESS_KEY" in name:
        either = f"{PREFIX}BLOBS_S3_SECRET_ACCESS_KEY"
        assert errors == [f"  a bucket needs exactly one of {either} and {either}_PATH"]
    elif name in {"PUBLIC_URL", "DATA_DIR"}:
        assert errors == [f"  {PREFIX}{name}: Field required"]
    else:
        assert errors == [f"  missing {PREFIX}{name}"]


@pytest.mark.parametrize("name", NEEDED)
def test_an_empty_setting_is_a_missing_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert name in " ".join(refusal(monkeypatch, WHOLE | NEEDED[name][-1] | {name: ""}))


@pytest.mark.parametrize(
    "name", ["SMTP_PORT", "SMTP_SECURITY", "BLOBS_S3_REGION", "BLOBS_S3_PREFIX", "BLOBS_S3_PATH_STYLE"]
)
def test_a_setting_with_a_default_does_not_bring_its_group_into_use(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    settings = loaded(monkeypatch, WHOLE | {name: ROWS[name][2]})
    assert (settings.smtp, settings.blobs_s3) == (None, None)


@pytest.mark.parametrize(
    "name", ["SMTP_PORT", "SMTP_SECURITY", "BLOBS_S3_PREFIX", "BLOBS_S3_PATH_STYLE", "OPENBAO_KEYRING_MOUNT"]
)
def test_a_wrong_value_is_refused_also_in_a_group_that_is_not_in_use(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert f"  {PREFIX}{name}: " in refusal(monkeypatch, WHOLE | {name: "no such"})[0]


@pytest.mark.parametrize("name", ["OPENBAO_CA_PATH", "OPENBAO_KEYRING_MOUNT", "TRANSIT_KEY"])
def test_a_setting_with_a_default_may_stay_when_its_group_is_not_in_use(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert loaded(monkeypatch, WHOLE | {name: ROWS[name][2]}).openbao is None


@pytest.mark.parametrize("name", [*OPENBAO, *PKCS11, "KEYRING_DATABASE_URL"])
def test_keys_that_are_not_chosen_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    errors = refusal(monkeypatch, WHOLE | {name: ROWS[name][2]})
    assert errors == [f"  {PREFIX}{name}: not used with {SETTINGS_ALONE}"]


def test_all_keys_that_are_not_chosen_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ", ".join(PREFIX + name for name in OPENBAO)
    assert refusal(monkeypatch, WHOLE | OPENBAO) == [f"  {names}: not used with {SETTINGS_ALONE}"]


@pytest.mark.parametrize("group", ["IDPORTEN", "MASKINPORTEN", "ALTINN"])
def test_a_register_is_left_out_by_the_demo_alone(monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    names = [name for name in WHOLE if name.startswith(group)]
    errors = refusal(monkeypatch, without(WHOLE, *names))
    assert errors == ["  missing " + ", ".join(PREFIX + name for name in names)]
    assert getattr(loaded(monkeypatch, DEMO), group.lower()) is None


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    secret = "a-very-secret-secret"
    assert secret not in repr(loaded(monkeypatch, WHOLE | ROWS[name][-1] | {name: secret}))
    assert secret not in str(refusal(monkeypatch, {"PORT": "0"}))


@pytest.mark.parametrize("group", ["SMTP", "OPENBAO", "IDPORTEN"])
def test_the_name_of_a_group_is_no_setting(monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    assert f"{PREFIX}{group}: " in "".join(refusal(monkeypatch, WHOLE | {group: '{"host": "a.example"}'}))


def test_a_group_does_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, WHOLE)
    assert settings.altinn is not None
    with pytest.raises(ValidationError, match="frozen"):
        settings.altinn.token_exchange = True


def test_a_variable_that_is_no_setting_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    # Kubernetes sets such variables for a service with our name.
    settings = loaded(monkeypatch, WHOLE | MAIL | {"SMTP_PORT_25_TCP": "tcp://10.0.0.1:25", "PKCS11_SERVICE": "x"})
    assert (settings.smtp is not None, settings.pkcs11) == (True, None)
