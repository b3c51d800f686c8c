"""The JSON API for fagsystemer: the use cases of sharing for whoever comes with a token of Maskinporten.

Shares services with the pages, not handlers. Promises one shape of errors, one way of paging, and an OpenAPI document
that says what is.
"""
