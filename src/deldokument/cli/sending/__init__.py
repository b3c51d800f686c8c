"""Commands of senders and recipients, which are also distributed separately.

- `client_keys`: `deldokument keys create`, `public` and `rotate`: client keys
- `receiving`: `deldokument receive`
- `sender`: the program of the client's own distribution
- `sender_console`: options, progress and exit codes of the commands for senders
- `shares`: `deldokument share` and the other commands for senders
"""
