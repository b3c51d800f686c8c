"""A hash that the database has of a person in one role gives no other role, even in a row that is otherwise valid."""

from dataclasses import replace

from deldokument.domain.errors import existing
from deldokument.domain.tenants.tenancy import Administrator, Member, Operator
from deldokument.services.auth.roles import Roles, roles_of
from deldokument.services.encryption import DIRECTORY, existing_key, role_hash
from deldokument.services.people import administrations_of, members_of, operator_of
from deldokument.services.tenants.operators import add_operator
from tests.support.stage.confirmed import add_administrator
from tests.support.stage.stage import KARI, OLA, SIV, VIGDIS, Stage, person


def member(stage: Stage, name: str) -> Member:
    with stage.deps.database.read() as tx:
        return existing(tx.members.get(stage.members[name]))


def insert(stage: Stage, *rows: Member | Administrator | Operator) -> None:
    """Rows that have valid tags."""
    with stage.deps.database.write() as tx:
        for row in rows:
            if isinstance(row, Member):
                tx.members.add(row)
            elif isinstance(row, Administrator):
                tx.staff.add_administrator(row)
            else:
                tx.staff.add_operator(row)


def in_other_roles(stage: Stage, of_role: bytes | None) -> None:
    """Vigdis, a member, as administrator and operator, with her hash and this one."""
    found = member(stage, "vigdis").lookup_hash
    insert(
        stage,
        Administrator("forged", stage.tenant.id, found, b"", b"", of_role, stage.clock.now()),
        Operator("forged", found, b"", b"", of_role),
    )


def test_a_members_hashes_give_no_other_role(stage: Stage) -> None:
    in_other_roles(stage, member(stage, "vigdis").role_hash)
    roles = roles_of(stage.deps, person(VIGDIS))
    assert [one.account.id for one in roles.memberships] == [stage.barnevern.id]
    assert (roles.administered, roles.operates) == ((), False)


def test_an_administrators_hashes_make_no_member(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=SIV, name="Siv Holm")
    with stage.deps.database.read() as tx:
        [siv] = administrations_of(stage.deps, tx, person(SIV))
    insert(stage, replace(member(stage, "kari"), id="forged", lookup_hash=siv.lookup_hash, role_hash=siv.role_hash))
    assert roles_of(stage.deps, person(SIV)) == Roles(administered=(stage.tenant,), name="Siv Holm")


def test_each_role_is_written_with_a_hash_of_its_own(stage: Stage) -> None:
    add_administrator(stage.deps, tenant_id=stage.tenant.id, number=KARI, name="Kari Lunde")
    add_operator(stage.deps, number=KARI, name="Kari Lunde")
    key = existing_key(stage.deps.keyring, DIRECTORY)
    with stage.deps.database.read() as tx:
        kari, ola = person(KARI), person(OLA)
        rows = [
            *(one for one, _ in members_of(stage.deps, tx, kari)),
            *administrations_of(stage.deps, tx, kari),
            existing(operator_of(stage.deps, tx, kari)),
        ]
        assert (members_of(stage.deps, tx, ola), operator_of(stage.deps, tx, ola)) == ([], None)
    kinds = ["member", "member", "administrator", "operator"]
    assert [row.role_hash for row in rows] == [role_hash(key, kind, kari) for kind in kinds]
    assert len({row.role_hash for row in rows} | {row.lookup_hash for row in rows}) == 4
