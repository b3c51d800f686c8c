"""HTTP client parts that the adapters to national registers share.

- `bounded`: HTTP client with a time limit and a size limit per call
- `circuit_breaker`: circuit breaker for a register that does not respond
- `client`: clients for outbound requests, signed client assertions, an expiring cache
- `jwks`: JSON Web Key Sets of token issuers
- `token_cache`: access token cache, by scope
"""
