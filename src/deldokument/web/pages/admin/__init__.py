"""Pages of tenant administrators, under `/konfigurasjon`.

- `account_forms`: the form of an account's rules
- `accounts`: «Kontoer»
- `administrators`: «Administratorer»
- `agreements`: «Avtaler»
- `breach_contact`: «Personvern»: contact for breaches of personal data security
- `event_log`: «Hendelseslogg»
- `impact_assessment`: «DPIA»
- `integrations`: integrations of an account
- `layout`: section menu of a tenant's pages
- `members`: «Brukere»
- `offboarding`: «Avslutning»
- `overview`: «Konfigurasjon»: setup checklist and warnings
- `scan_policy`: «Viruskontroll»
- `statistics`: «Statistikk»
"""
