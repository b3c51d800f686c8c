"""The keyring and the root key: one keyring over three stores, and three places where a root key may live."""
