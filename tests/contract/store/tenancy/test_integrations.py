"""Integrations are kept, found and removed as the contract says."""

from dataclasses import replace

import pytest

from deldokument.domain.errors import Conflict, NotFound
from deldokument.domain.tenants.tenancy import Account, Integration, IntegrationRights
from deldokument.store.database import Database
from tests.contract.records import ACCOUNT, NOW, TENANT, settle

FAGSYSTEM = Integration("acos", ACCOUNT.id, "312824450", "FJELL AS", NOW)


@pytest.fixture(autouse=True)
def settled(database: Database) -> None:
    settle(database)


def test_integrations_are_listed_by_name_while_they_live(database: Database) -> None:
    another = Integration("sak", ACCOUNT.id, "983544622", "ÅS SAK AS", NOW)
    with database.write() as tx:
        tx.integrations.add(another)
        tx.integrations.add(FAGSYSTEM)
    with database.write() as tx:
        assert tx.integrations.of_account(ACCOUNT.id) == [FAGSYSTEM, another]
        assert tx.integrations.of_account("nothing") == []
        assert tx.integrations.remove(another.id, NOW)
        assert not tx.integrations.remove(another.id, NOW)
        assert not tx.integrations.remove("nothing", NOW)
        assert tx.integrations.of_account(ACCOUNT.id) == [FAGSYSTEM]


def test_an_organisation_has_rights_to_an_account_once_until_they_are_removed(database: Database) -> None:
    again = replace(FAGSYSTEM, id="acos again")
    with database.write() as tx:
        tx.integrations.add(FAGSYSTEM)
        with pytest.raises(Conflict, match="integration_exists"):
            tx.integrations.add(again)
        tx.integrations.remove(FAGSYSTEM.id, NOW)
        tx.integrations.add(again)
    with database.read() as tx:
        assert tx.integrations.of_account(ACCOUNT.id) == [again]


def test_integrations_are_found_by_organisation_where_it_can_be_shared_from(database: Database) -> None:
    second, deleted = Account("second", TENANT.id, "Arkiv"), Account("deleted", TENANT.id, "Skole", deleted_at=NOW)
    with database.write() as tx:
        for account in (second, deleted):
            tx.accounts.add(account)
        for account in (ACCOUNT, second, deleted):
            tx.integrations.add(replace(FAGSYSTEM, id=f"in {account.id}", account_id=account.id))
        tx.integrations.add(replace(FAGSYSTEM, id="other", organization_number="983544622"))
    with database.write() as tx:
        found = tx.integrations.of_organization(FAGSYSTEM.organization_number)
        assert [(integration.id, account) for integration, account in found] == [
            ("in second", second),
            (f"in {ACCOUNT.id}", ACCOUNT),
        ]
        tx.integrations.remove("in second", NOW)
        assert len(tx.integrations.of_organization(FAGSYSTEM.organization_number)) == 1
        tx.tenants.save(replace(TENANT, ended_at=NOW))
        assert tx.integrations.of_organization(FAGSYSTEM.organization_number) == []


def test_an_integration_is_kept_with_its_rights_its_use_and_its_password(database: Database) -> None:
    changed = replace(FAGSYSTEM, rights=IntegrationRights.READ, used_at=NOW, password_hash=b"digest")
    with database.write() as tx:
        tx.integrations.add(FAGSYSTEM)
        assert tx.integrations.get(FAGSYSTEM.id) == FAGSYSTEM
        tx.integrations.save(changed)
    with database.read() as tx:
        assert tx.integrations.get(FAGSYSTEM.id) == changed
        assert tx.integrations.of_account(ACCOUNT.id) == [changed]
        assert tx.integrations.get("nothing") is None
    with pytest.raises(NotFound), database.write() as tx:
        tx.integrations.save(replace(FAGSYSTEM, id="nothing"))
