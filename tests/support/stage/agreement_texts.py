"""Short texts of agreements, and a signature of one, for tests of what is built on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from deldokument.domain.errors import NotFound
from deldokument.domain.tenants.agreement import AgreementKind, AgreementText, version_key
from deldokument.services.agreements import signing, texts
from deldokument.services.auth.sessions import Session, begin_login, complete_login, find_session
from tests.support.browser import EWA
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import Stage, person

FIRST = """# Tjenesteavtale

Mellom {{tenant_name}}, {{tenant_number}}, og {{contract_party}}.

## 1 Varighet

**1.1** Avtalen gjelder til den blir sagt opp.
"""
SECOND = f"""{FIRST.replace("til den blir sagt opp", "i to år")}
**1.2** Den kan fornyes.

| Hva | Frist |
|---|---|
| Svar | 2 timer |
"""
MAIN = "# Hovedavtale\n\nMellom {{tenant_name}} og {{contract_party}}. Sendes til {{return_address}}.\n"
SHORT = {
    AgreementKind.MAIN: {"1.0": MAIN},
    AgreementKind.SERVICE: {"1.0": FIRST, "1.1": SECOND},
    AgreementKind.ASSESSMENT: {"1.0": "# DPIA\n\nFor {{tenant_name}}.\n"},
    AgreementKind.RISK: {"1.0": "# ROS\n\nFor {{tenant_name}}.\n"},
}


@dataclass
class ShortLibrary:
    """Texts that are pressed in no time."""

    known: Mapping[AgreementKind, Mapping[str, str]] = field(default_factory=lambda: SHORT)

    def versions(self, kind: AgreementKind) -> tuple[str, ...]:
        return tuple(sorted(self.known[kind], key=version_key))

    def text(self, kind: AgreementKind, version: str) -> AgreementText:
        if version not in self.known[kind]:
            raise NotFound("version")
        return AgreementText(kind, version, self.known[kind][version])


def with_short_texts(stage: Stage) -> Stage:
    """The stage with these texts, none of them published."""
    stage.deps = replace(stage.deps, texts=ShortLibrary())
    return stage


def publish_texts(stage: Stage, service: str = "1.0") -> None:
    """Main agreement 1.0 and this version of the service agreement count."""
    texts.publish_agreement(stage.deps, AgreementKind.MAIN, "1.0")
    texts.publish_agreement(stage.deps, AgreementKind.SERVICE, service)


def name_administrator(stage: Stage) -> None:
    """Ewa administers the tenant."""
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=EWA, name="Ewa Kowalska")


def session(stage: Stage, number: str = EWA) -> Session:
    """Somebody logged in, as the web finds the session."""
    stage.login.person = number
    started = begin_login(stage.deps, return_to="/", locale="nb")
    answer = {"state": f"state-{stage.login.begun}", "code": "code"}
    done = complete_login(stage.deps, answer, browser_secret=started.browser_secret, previous_secret=None)
    found = find_session(stage.deps, done.session_secret)
    assert found is not None
    assert found.person == person(number)
    return found


def begin(stage: Stage, ewa: Session, **changes: object) -> tuple[str, dict[str, str]]:
    """All the way to the provider; returns the intent's id and the answer that the provider will give."""
    offer = signing.offer_signing(stage.deps, ewa, tenant_id=stage.tenant.id)
    given = {
        "tenant_id": stage.tenant.id,
        "shown": (offer.document.sha256, offer.document_sha256),
        "role": "Kommunedirektør",
        "confirmed": True,
    }
    intent_id = signing.begin_signing(stage.deps, ewa, **(given | changes))  # type: ignore[arg-type]
    return intent_id, ask(stage, ewa, intent_id)


def ask(stage: Stage, ewa: Session, intent_id: str) -> dict[str, str]:
    """Lead on to the provider; returns the answer that it will give."""
    signing.start_login(stage.deps, ewa, tenant_id=stage.tenant.id, intent_id=intent_id, locale="nb")
    return {"state": f"state-{stage.login.begun}", "code": "code"}


def sign(stage: Stage) -> str:
    """A signature of the current version by Ewa, made as people make it; returns the intent's id."""
    ewa = session(stage)
    intent_id, answer = begin(stage, ewa)
    assert signing.complete_signing(stage.deps, ewa, answer).refusal is None
    return intent_id
