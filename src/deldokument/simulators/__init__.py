"""Stand-ins for ID-porten, Maskinporten, Altinn and Enhetsregisteret, for the demo and the tests.

Each is a process of its own (``python -m deldokument.simulators.<name>``) on 127.0.0.1, with the cast of synthetic
people and organisations in ``cast.json``. They promise to refuse what the real ones refuse. They know nothing of the
rest of Del dokument, and can be bound to no other address.
"""
