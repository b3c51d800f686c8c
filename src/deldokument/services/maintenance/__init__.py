"""Use cases of the worker and of the operator's checks.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `alarms`: counts persons who were refused too often
- `deployment_claims`: checks at start that store and keyring belong to this deployment
- `early_ends`: halts destruction if unusually many shares end early
- `health`: health checks for monitoring, each with a level and a message
- `lag`: measures how far the worker is behind
- `orphans`: deletes unreferenced objects and keys that a crash left
- `retention`: ends shares, deletes blobs, erases names
- `seal_requests`: lets the worker, which alone has the seal's key, sign for other processes
- `share_keys`: destroys the keys of shares that are over
- `store_check`: tests whether a blob store supports the required operations
"""
