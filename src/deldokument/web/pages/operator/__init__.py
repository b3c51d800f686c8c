"""Pages of operators, under `/drift`.

- `tenants`: tenants, main agreements, published texts, freezing
"""
