"""Simulated ID-porten, Maskinporten, Altinn, Enhetsregisteret and mail server, for the demo and the tests.

Guarantees:
- Each runs as a process of its own (``python -m deldokument.simulators.<name>``) on 127.0.0.1 only.
- Each refuses the requests that the real register refuses.

Imports nothing else of Del dokument. The synthetic people and organisations are in ``cast.json``.

- `altinn`: Altinn's list of authorized parties
- `altinn_pdp`: Altinn's policy decision point
- `altinn_register`: rights of the cast in Altinn
- `altinn_tokens`: Altinn's token exchange, and token validation
- `common`: parts that all simulators use
- `enhetsregisteret`: Enhetsregisteret's open API
- `idporten`: ID-porten as OpenID Provider
- `idporten_logout`: ID-porten's front-channel and back-channel logout
- `idporten_pages`: ID-porten's pages
- `idporten_requests`: validation of authorization requests
- `idporten_state`: state of the ID-porten simulator
- `maskinporten`: Maskinporten's token endpoint
- `notifications`: Altinn's notification orders
- `smtp`: mail server that shows messages instead of delivering them
"""
