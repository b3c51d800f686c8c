"""Commands for operators, senders and recipients, in English.

- `command_log`: records the operators' commands, and who typed them, in the system's log or on standard error
- `demo`: `deldokument demo`
- `entry`: entry point of the program
- `main`: the root command and the commands of a deployment
- `operate`: commands of operators
- `output`: secret input, and output as table or JSON
- `runtime`: opens the deployment, and reports errors with exit code 1
- `sending`: commands of senders and recipients
"""
