"""Commands for operators and senders, in English.

- `accounts`: `deldokument account`
- `agreements`: `deldokument agreement`
- `auditing`: `deldokument audit`
- `client_keys`: `deldokument keys create`, `public` and `rotate`: client keys
- `demo`: `deldokument demo`
- `demo_sender`: the demo's system that shares through the API
- `entry`: entry point of the program
- `main`: the root command and the commands of a deployment
- `members`: `deldokument member`
- `operators`: `deldokument operator`
- `output`: secret input, and output as table or JSON
- `root_keys`: `deldokument keys create-root` and `rotate-root`
- `running`: opens the deployment, and reports errors with exit code 1
- `seeding`: example data of the demo
- `senders`: `deldokument share` and the other commands for senders
- `sending`: options, progress and exit codes of the commands for senders
- `serving`: `deldokument serve`
- `tenants`: `deldokument tenant`: registration, administrators, freezing
- `tenures`: `deldokument tenant`: setup, impact assessment, offboarding
"""
