"""The benchmark: one large stream up and down, ours beside servers that do not encrypt, on this machine.

All are measured in the same run, in rounds over every server, by the same client on loopback. Nothing is left
behind. Asserts no times: what is measured goes into a table, people judge.
Run by ``python -m bench`` from the root of the checkout (`make bench`); needs nginx, and npm's registry once.
"""
