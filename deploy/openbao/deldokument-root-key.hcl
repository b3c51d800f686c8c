# What the service may do with its root key in OpenBao's Transit, and nothing else: encrypt, decrypt, and list the versions.
# Only an administrator of OpenBao creates and destroys versions. The mount is DELDOKUMENT_TRANSIT_MOUNT, the
# key DELDOKUMENT_TRANSIT_KEY; docs/operate/keys.md has the commands, section "A root key in Transit".

path "transit/encrypt/deldokument" {
  capabilities = ["update"]
}

path "transit/decrypt/deldokument" {
  capabilities = ["update"]
}

path "transit/keys/deldokument" {
  capabilities = ["read"]
}
