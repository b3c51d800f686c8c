# What the service may do with its root key in OpenBao's Transit, and nothing else: seal and open, and see which versions
# there are. Making and destroying versions is for those who answer for OpenBao. The mount is DELDOKUMENT_TRANSIT_MOUNT, the
# key DELDOKUMENT_TRANSIT_KEY; docs/operating.md has the commands, section "A root key in Transit".

path "transit/encrypt/deldokument" {
  capabilities = ["update"]
}

path "transit/decrypt/deldokument" {
  capabilities = ["update"]
}

path "transit/keys/deldokument" {
  capabilities = ["read"]
}
