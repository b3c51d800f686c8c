# What the service may do with its keyring in OpenBao, and nothing else. The mount is DELDOKUMENT_OPENBAO_KEYRING_MOUNT;
# docs/operate/keys.md has the commands, section "A keyring in OpenBao".

# The name of the root key that encrypts new entries.
path "deldokument/data/root" {
  capabilities = ["create", "read", "update"]
}

path "deldokument/data/entry/*" {
  capabilities = ["create", "read", "update"]
}

# Ids of entries, in pages.
path "deldokument/metadata/entry/" {
  capabilities = ["list"]
}

# Named values: heads of the event log, and what it has taken away.
path "deldokument/data/kept/*" {
  capabilities = ["create", "read", "update"]
}

path "deldokument/metadata/kept/" {
  capabilities = ["list"]
}

# An entry is destroyed with all its versions and its name.
path "deldokument/metadata/entry/*" {
  capabilities = ["delete"]
}
