"""Who runs the service: named and removed by the command line."""

import pytest

from deldokument.domain.audit import EventKind
from deldokument.domain.errors import Conflict, InvalidInput, NotFound
from deldokument.services.accounts import members
from deldokument.services.audit.actors import Actor, Actors
from deldokument.services.auth.roles import roles_of
from deldokument.services.tenants import operators
from tests.support.browser import EWA
from tests.support.stage.stage import KARI, SIV, Stage, person
from tests.support.stored_data import do_as_owner


def test_an_operator_runs_the_service_and_neither_configures_nor_shares(stage: Stage) -> None:
    view = operators.add_operator(stage.deps, number=SIV, name=" Siv  Holm")
    assert (view.name, view.masked) == ("Siv Holm", f"{SIV[:6]} *****")
    assert roles_of(stage.deps, person(SIV)).operates
    assert not roles_of(stage.deps, person(KARI)).operates
    assert roles_of(stage.deps, person(SIV)).administered == ()
    assert members.memberships(stage.deps, person(SIV)) == []


def test_a_person_is_an_operator_once(stage: Stage) -> None:
    operators.add_operator(stage.deps, number=SIV, name="Siv Holm")
    with pytest.raises(Conflict, match="operator_exists"):
        operators.add_operator(stage.deps, number=SIV, name="Siv Holm")
    with pytest.raises(InvalidInput, match="person_number_length"):
        operators.add_operator(stage.deps, number="1", name="Siv Holm")


def test_operators_are_listed_by_name_and_removed_by_id(stage: Stage) -> None:
    siv = operators.add_operator(stage.deps, number=SIV, name="Siv Holm")
    ewa = operators.add_operator(stage.deps, number=EWA, name="Ewa Kowalska")
    assert operators.list_operators(stage.deps) == [ewa, siv]
    operators.remove_operator(stage.deps, operator_id=siv.id)
    assert not roles_of(stage.deps, person(SIV)).operates
    with pytest.raises(NotFound):
        operators.remove_operator(stage.deps, operator_id=siv.id)
    events = [event for _, event in stage.trail()]
    assert [event.kind for event in events].count(EventKind.OPERATOR_ADDED) == 2
    [removed] = [event for event in events if event.kind is EventKind.OPERATOR_REMOVED]
    with stage.deps.database.read() as tx:
        holder = Actors(stage.deps, None).of(tx, [str((removed.details or {})["holder"])])
    assert list(holder.values()) == [Actor("", f"{SIV[:6]} *****")]


def test_a_damaged_operator_is_removed_no_more_than_it_is_listed(stage: Stage) -> None:
    siv = operators.add_operator(stage.deps, number=SIV, name="Siv Holm")
    do_as_owner(stage.database_url, "UPDATE operator SET id = 'another'")
    assert operators.list_operators(stage.deps) == []
    for operator_id in (siv.id, "another"):
        with pytest.raises(NotFound):
            operators.remove_operator(stage.deps, operator_id=operator_id)
