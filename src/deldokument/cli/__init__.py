"""Commands for operators, senders and recipients, in English.

- `accounts`: `deldokument account`
- `agreements`: `deldokument agreement`
- `audit`: `deldokument audit`
- `client_keys`: `deldokument keys create`, `public` and `rotate`: client keys
- `command_log`: records the operators' commands, and who typed them, in the system's log or on standard error
- `demo_data`: example data of the demo
- `demo_sender`: the demo's system that shares through the API
- `demo`: `deldokument demo`
- `doctor`: `deldokument doctor`: findings, exit codes
- `entry`: entry point of the program
- `inspection`: `deldokument inspection`: malware scans on demand
- `main`: the root command and the commands of a deployment
- `members`: `deldokument member`
- `operators`: `deldokument operator`
- `output`: secret input, and output as table or JSON
- `receiving`: `deldokument receive`
- `root_keys`: `deldokument keys create-root` and `rotate-root`
- `runtime`: opens the deployment, and reports errors with exit code 1
- `sender`: the program of the client's own distribution
- `sender_console`: options, progress and exit codes of the commands for senders
- `serve`: `deldokument serve`
- `shares`: `deldokument share` and the other commands for senders
- `tenant_lifecycle`: `deldokument tenant`: setup, impact assessment, offboarding
- `tenants`: `deldokument tenant`: registration, administrators, freezing
"""
