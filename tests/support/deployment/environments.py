"""Environments that are whole: the settings of a deployment, and of each group that it may have besides."""

VERIFIED = "sslmode=verify-full&channel_binding=require"
WHOLE = {
    "PUBLIC_URL": "https://del.eksempel.example",
    "DATA_DIR": "/var/lib/deldokument",
    "IDPORTEN_ISSUER": "https://test.idporten.example",
    "IDPORTEN_CLIENT_ID": "client-1",
    "IDPORTEN_CLIENT_KEY_PATH": "/etc/deldokument/idporten.pem",
    "MASKINPORTEN_ISSUER": "https://test.maskinporten.example/",
    "MASKINPORTEN_CLIENT_ID": "client-2",
    "MASKINPORTEN_CLIENT_KEY_PATH": "/etc/deldokument/maskinporten.pem",
    "ALTINN_BASE_URL": "https://platform.altinn.example/",
    "ALTINN_SUBSCRIPTION_KEY": "very-secret",
}
DEMO = {"PUBLIC_URL": "http://127.0.0.1:8000", "DATA_DIR": "/tmp/demo", "DEMO": "true"}
BUCKET = {
    "BLOBS_S3_BUCKET": "del-dokument",
    "BLOBS_S3_ENDPOINT": "https://s3.eksempel.example",
    "BLOBS_S3_ACCESS_KEY_ID": "deldokument",
    "BLOBS_S3_SECRET_ACCESS_KEY_PATH": "/etc/deldokument/s3",
}
MAIL = {"SMTP_HOST": "post.eksempel.example", "SMTP_SENDER": "ikke-svar@eksempel.example"}
KEYRING = f"postgresql://keys:secret@db.example/keyring?{VERIFIED}"
OPENBAO = {
    "OPENBAO_URL": "https://bao.example:8200",
    "OPENBAO_ROLE_ID": "role",
    "OPENBAO_SECRET_ID_PATH": "/keys/secret-id",
}
PKCS11 = {
    "PKCS11_MODULE_PATH": "/usr/lib/hsm.so",
    "PKCS11_TOKEN": "municipality",
    "PKCS11_PIN_PATH": "/keys/pin",
    "PKCS11_KEY": "del-production",
}
