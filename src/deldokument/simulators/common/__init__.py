"""Parts that all simulators use.

- `cast`: synthetic people and organisations
- `failures`: failures on command
- `numbers`: check digits of Norwegian numbers
- `pages`: page templates
- `server`: start of a simulator: one process, one loopback port
- `tokens`: keys, registered clients and client assertions
- `validation`: validation errors in ASP.NET's format
"""
