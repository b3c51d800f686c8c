# OpenBao in a container, for the keyring alone, on one machine. It unseals itself, with a key that only it can read.
storage "raft" {
  path    = "/var/lib/openbao/data"
  node_id = "keyring"
}

seal "static" {
  current_key_id = "1"
  current_key    = "file:///etc/openbao/unseal"
}

api_addr     = "https://10.89.30.13:8200"
cluster_addr = "https://127.0.0.1:8201"

# docs/operate/keys.md, "The keyring".
disable_standby_reads = true
