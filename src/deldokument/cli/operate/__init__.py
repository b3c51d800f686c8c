"""Commands of operators.

- `accounts`: `deldokument account`
- `agreements`: `deldokument agreement`
- `audit`: `deldokument audit`
- `doctor`: `deldokument doctor`: findings, exit codes
- `inspection`: `deldokument inspection`: malware scans on demand
- `members`: `deldokument member`
- `operators`: `deldokument operator`
- `root_keys`: `deldokument keys create-root` and `rotate-root`
- `serve`: `deldokument serve`
- `tenant_lifecycle`: `deldokument tenant`: setup, impact assessment, offboarding
- `tenants`: `deldokument tenant`: registration, administrators, freezing
"""
