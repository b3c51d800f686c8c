"""The API keeps to its OpenAPI document: thousands of requests are generated from the document.

schemathesis makes them, in all its phases, against the application behind a real socket with real SQLite. The same
requests every time; what they are made of are real ids, and what the document allows and forbids. `make test` makes few
for each operation, `make test-large` many.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deldokument.domain.errors import TokenRefused
from deldokument.domain.messages.webhook import WebhookEvent
from tests.support.browser import Web, site
from tests.support.servers.local_server import listening
from tests.support.stage.api import System, Systems
from tests.support.stage.stage import FJELL, OLA, SIV

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
LINTERS = Path(__file__).parents[1] / "openapi"
SECRET = "hemmelig-vedtak"
UNTIL = "2026-12-04T12:00:00Z"
ALL = "examples,coverage,fuzzing,stateful"
# The cases of the phase "coverage" have malformed bodies, which are refused for every caller. Real ids are not needed.
WITH_IDS = "examples,fuzzing,stateful"
FEW = pytest.param("few", id="few")
LARGE = [pytest.mark.large, pytest.mark.timeout(600)]
MANY = pytest.param("many", marks=LARGE, id="many")


@pytest.fixture
def cast(cast: Systems) -> Systems:
    """Without a limit to how often they call."""
    deps = cast.web.stage.deps
    cast.web.stage.deps = replace(deps, config=replace(deps.config, api_requests_per_minute=1_000_000))
    return cast


@pytest.fixture
def address(cast: Systems) -> Iterator[str]:
    """Where the application listens."""
    cast.web.stage.tokens.known["expired"] = TokenRefused("token_invalid")
    with listening(cast.web.stage, site()) as url:
        yield url


def material(cast: Systems) -> dict[str, list[str]]:
    """Ids of drafts, with and without everything, and of shares that are open; of webhooks and what belongs to them."""
    stage, sharer = cast.web.stage, cast.sharer
    drafts = [sharer.post("/shares", {"account_id": stage.byggesak.id}).json()["id"] for _ in range(4)]
    full = {"account_id": stage.byggesak.id, "archived": True, "expires_at": UNTIL, "recipients": [{"number": OLA}]}
    full |= {"title": SECRET, "reference": SECRET}
    whole = [sharer.post("/shares", full).json() for _ in range(6)]
    for draft in whole:
        sharer.post(f"/shares/{draft['id']}/documents", {"name": f"{SECRET}.txt", "length": 0})
    opened = [stage.publish(OLA, SIV) for _ in range(6)]
    hook = {"account_id": stage.byggesak.id, "url": "https://8.8.8.8/", "events": [WebhookEvent.OPENED.value]}
    webhooks = [sharer.post("/webhooks", hook).json()["id"] for _ in range(2)]
    documents = [document for share in opened for document in stage.document_ids(share)]
    return {
        "share_id": drafts + [draft["id"] for draft in whole] + opened,
        "recipient_id": [one["id"] for draft in whole for one in draft["recipients"]],
        "document_id": documents + [document for draft in whole for document in stage.document_ids(draft["id"])],
        "webhook_id": webhooks,
        "account_id": [stage.byggesak.id, stage.avtaler.id],
        "number": [OLA, SIV, FJELL],
        "instant": [UNTIL, "2026-12-05T12:00:00Z"],
        "key": [f"key-{number}" for number in range(500)],
    }


def configured(folder: Path, ids: dict[str, list[str]]) -> Path:
    """What schemathesis makes requests of, half of the time; and that a rule may refuse what the schema allows."""
    lines = ["[checks.positive_data_acceptance]"]
    lines += ['expected-statuses = ["2xx", "401", "403", "404", "409", "413", "422", "429", "5xx"]']
    for name, values in ids.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}"]
    lines.append("[parameters]")
    places = {f"path.{name}": name for name in ("share_id", "recipient_id", "document_id", "webhook_id")}
    places |= {"body.account_id": "account_id", "body.expires_at": "instant", "body.recipients[*].number": "number"}
    places |= {"body.share.account_id": "account_id", "body.share.expires_at": "instant"}
    places |= {"header.Idempotency-Key": "key"}
    lines += [f'"{place}" = {{ dictionary = "{name}", probability = 0.6 }}' for place, name in places.items()]
    file = folder / "schemathesis.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def explored(address: str, config: Path, token: str | None, examples: int, phases: str = ALL) -> list[tuple[int, str]]:
    """Run schemathesis, whose every finding fails the test; the statuses and bodies that it was answered.

    The checks that a created resource exists and a removed one is gone are left out. A request with a known
    Idempotency-Key gets the stored response, and a discarded draft is shown as abandoned.
    """
    report = config.with_suffix(".har")
    command = [SCHEMATHESIS, "--config-file", config, "run", f"{address}/api/v1/openapi.json"]
    command += ["--phases", phases, "--max-examples", str(examples), "--checks", "all", "--generation-deterministic"]
    command += [
        "--exclude-checks",
        "use_after_free,ensure_resource_availability",
        "--no-color",
        "--no-shrink",
        "--output-truncate",
        "false",
        "--output-sanitize",
        "false",
    ]
    command += ["--report", "har", "--report-har-path", report]
    if token is not None:
        command += ["--header", f"Authorization: Bearer {token}"]
    else:
        # The only route that needs no token: it issues one.
        command += ["--exclude-operation-id", "get_program_token"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=config.parent, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answers = [entry["response"] for entry in json.loads(report.read_text(encoding="utf-8"))["log"]["entries"]]
    return [(answer["status"], answer["content"].get("text", "")) for answer in answers]


@pytest.mark.parametrize("depth", [FEW, MANY])
def test_with_a_valid_token_every_response_matches_the_document(
    cast: Systems, address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, depth: str
) -> None:
    examples = 6 if depth == "few" else 25
    answers = explored(address, configured(tmp_path, material(cast)), cast.sharer.token, examples)
    statuses = {status for status, _ in answers}
    assert statuses >= {200, 201, 204, 401, 404, 405, 409, 415, 422}
    assert [record.getMessage() for record in caplog.records if record.name == "deldokument.api"] == []


def secrets_of(ids: dict[str, list[str]]) -> set[str]:
    """Values that no other caller may see."""
    own = {one for name in ("share_id", "recipient_id", "document_id", "webhook_id", "account_id") for one in ids[name]}
    return own | {OLA, SIV, SECRET, "Byggesak", "Eksempel kommune"}


def leaked(answers: list[tuple[int, str]], secrets: set[str]) -> list[str]:
    return [body for _, body in answers if any(secret in body for secret in secrets)]


@pytest.mark.parametrize(
    ("token", "depth"),
    # An expired token is refused in the same way at every route, as tests/matrix shows. `make test-large` tries both.
    [
        pytest.param(None, "few", id="none-few"),
        *(pytest.param(token, "many", marks=LARGE, id=f"{token}-many") for token in (None, "expired")),
    ],
)
def test_without_a_valid_token_every_route_refuses(
    cast: Systems, address: str, tmp_path: Path, token: str | None, depth: str
) -> None:
    ids = material(cast)
    examples, phases = (1, "examples,fuzzing") if depth == "few" else (3, ALL)
    answers = explored(address, configured(tmp_path, ids), token, examples, phases)
    assert {status for status, _ in answers} == {401}
    assert leaked(answers, secrets_of(ids)) == []


@pytest.mark.parametrize("depth", [FEW, MANY])
def test_the_token_of_another_tenants_system_finds_nothing_of_this_one(
    cast: Systems, address: str, tmp_path: Path, depth: str
) -> None:
    ids = material(cast)
    before = cast.sharer.get("/shares").json()
    examples, phases = (4, WITH_IDS) if depth == "few" else (5, ALL)
    answers = explored(address, configured(tmp_path, ids), cast.neighbour.token, examples, phases)
    assert leaked(answers, secrets_of(ids)) == []
    assert cast.sharer.get("/shares").json() == before


@pytest.mark.parametrize("depth", [FEW, MANY])
def test_a_client_that_may_only_read_changes_nothing_on_any_route(
    cast: Systems, address: str, tmp_path: Path, depth: str
) -> None:
    config = configured(tmp_path, material(cast))
    before = cast.sharer.get("/shares").json()
    examples, phases = (4, WITH_IDS) if depth == "few" else (5, ALL)
    explored(address, config, cast.reader.token, examples, phases)
    assert cast.sharer.get("/shares").json() == before


def document(web: Web) -> dict[str, Any]:
    answer = System(web.browser(), None).get("/openapi.json")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def test_the_document_can_be_read_without_a_token(web: Web) -> None:
    spec = document(web)
    assert spec["openapi"].startswith("3.1")
    assert spec["servers"] == [{"url": "/api/v1"}]
    assert spec["security"] == [{"maskinporten": []}]


def test_the_document_states_contact_licence_and_the_meaning_of_tags(web: Web) -> None:
    spec = document(web)
    assert spec["info"]["contact"] == {"name": site().operator_name, "url": f"{site().public_url}/kontakt"}
    assert web.browser().get("/kontakt").status_code == 200
    assert spec["info"]["license"] == {"name": "European Union Public Licence 1.2", "identifier": "EUPL-1.2"}
    used = {tag for methods in spec["paths"].values() for operation in methods.values() for tag in operation["tags"]}
    assert {tag["name"] for tag in spec["tags"]} == used
    assert all(tag["description"] for tag in spec["tags"])


@pytest.mark.parametrize(
    "linter",
    [
        ["spectral", "lint", "--ruleset", "ruleset.yaml", "--fail-severity", "hint", "--quiet"],
        ["redocly", "lint", "--config", "redocly.yaml", "--max-problems", "1000", "--format", "github-actions"],
    ],
    ids=lambda command: command[0],
)
def test_a_linter_finds_nothing(web: Web, tmp_path: Path, linter: list[str]) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(document(web)), "utf-8")
    program, *options = linter
    line = [SCHEMATHESIS.with_name("node"), LINTERS / "node_modules" / ".bin" / program, *options]
    offline = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "PATH": os.environ["PATH"]}
    command = [*line, tmp_path / "openapi.json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=LINTERS, env=offline, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


def test_every_route_lists_its_problems_and_its_headers(web: Web) -> None:
    for path, operations in document(web)["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert {"401", "403", "422", "429", "500", "503"} <= responses.keys(), (method, path)
            assert ("404" in responses) >= ("{" in path and not path.endswith("/token")), (method, path)
            headers = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "header"}
            of_programs = path.startswith("/offers/")
            named = method == "post" and not of_programs
            assert headers == ({"Idempotency-Key"} if named else set()), (method, path)
            done = [answer for status, answer in responses.items() if status < "4"]
            assert len(done) == 1
            limits = {"RateLimit-Policy", "RateLimit"}
            assert done[0]["headers"].keys() & limits == (set() if of_programs else limits), (method, path)


def test_a_program_that_receives_needs_its_own_token_and_none_for_its_code(web: Web) -> None:
    paths = document(web)["paths"]
    own = {path: [one["security"] for one in methods.values()] for path, methods in paths.items() if "/offers/" in path}
    offer, program = "/offers/{share_id}", [[{"program": []}]]
    assert own == {f"{offer}/token": [[]], offer: program, f"{offer}/confirmation": program}


def test_client_generators_treat_the_files_of_small_shares_as_bytes(web: Web) -> None:
    body = document(web)["paths"]["/small-shares"]["post"]["requestBody"]
    files = body["content"]["multipart/form-data"]["schema"]["properties"]["documents"]["items"]
    assert files == {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}


def test_every_reference_in_the_document_has_a_target(web: Web) -> None:
    spec = document(web)
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(spec)):
        place = spec
        for step in reference.split("/"):
            place = place[step]


def test_every_route_of_the_contract_is_there_and_no_other(web: Web) -> None:
    share, webhook = "/shares/{share_id}", "/webhooks/{webhook_id}"
    routes = {f"{m.upper()} {path}" for path, methods in document(web)["paths"].items() for m in methods}
    assert routes == {
        "GET /accounts",
        "POST /shares",
        "GET /shares",
        f"GET {share}",
        f"PATCH {share}",
        f"DELETE {share}",
        f"POST {share}/recipients",
        f"PATCH {share}/recipients/{{recipient_id}}",
        f"DELETE {share}/recipients/{{recipient_id}}",
        f"POST {share}/documents",
        f"POST {share}/additions",
        f"GET {share}/documents/{{document_id}}",
        f"DELETE {share}/documents/{{document_id}}",
        f"POST {share}/publication",
        f"PUT {share}/expiry",
        f"POST {share}/refusal",
        f"POST {share}/withdrawal",
        f"GET {share}/receipts",
        f"GET {share}/events",
        f"GET {share}/report",
        "POST /small-shares",
        "GET /offers/{share_id}",
        "POST /offers/{share_id}/token",
        "POST /offers/{share_id}/confirmation",
        "GET /webhooks",
        "POST /webhooks",
        f"GET {webhook}",
        f"DELETE {webhook}",
        f"GET {webhook}/deliveries",
        f"POST {webhook}/deliveries/{{delivery_id}}/replay",
    }
