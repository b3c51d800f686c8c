# Where the service connects.
listener "tcp" {
  address         = "0.0.0.0:8200"
  cluster_address = "127.0.0.1:8201"
  tls_cert_file   = "/etc/openbao/tls.pem"
  tls_key_file    = "/etc/openbao/tls.key"
}
