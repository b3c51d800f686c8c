"""Tenants with their agreements, accounts, members and administrators.

- `accounts`: accounts
- `agreements`: agreement texts, signed documents, signing intents
- `integrations`: organisations whose systems may use an account
- `members`: members of accounts
- `staff`: administrators, operators, the roles of a person
- `tenant_lifecycle`: impact assessments and offboarding records
- `tenants`: tenants
"""
