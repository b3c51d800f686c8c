"""Login with ID-porten: the relying party of OpenID Connect.

- `id_tokens`: validation of id tokens and logout tokens
- `login`: the login provider port: authorization requests, code exchange, logout
- `metadata`: discovery document and key set, cached for a day
"""
