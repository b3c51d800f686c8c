"""Rules about bodies that share: agreements, accounts, members, and the end of a tenant.

- `accounts`: names and rules of accounts
- `agreement`: kinds and versions of agreement texts
- `agreement_records`: signed main agreements and service agreements
- `impact_assessment`: data protection impact assessment of a tenant
- `offboarding`: totals and deletion of a tenant that has left
- `tenancy`: tenants, accounts, members, administrators and integrations
"""
