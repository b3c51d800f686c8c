"""What the real registers answer, re-expressed from what they publish, with synthetic numbers: whole, as it is sent.

Each says where its shape comes from. A field that we do not read is there because the real answer has it.
"""

from typing import Any

PER, FJELL, FJELL_TROMSO, DELETED = "05877914102", "312824450", "314758625", "310488003"


def _party(**changes: Any) -> dict[str, Any]:
    base = {
        "partyUuid": "a0f3c5c1-7d2a-4f0e-9d0e-0c2a4a5f6b11",
        "name": None,
        "organizationNumber": None,
        "parentId": None,
        "personId": None,
        "dateOfBirth": None,
        "partyId": 51234567,
        "emailId": None,
        "type": "Organization",
        "unitType": None,
        "isDeleted": False,
        "onlyHierarchyElementWithNoAccess": False,
        "authorizedAccessPackages": [],
        "authorizedResources": [],
        "authorizedRoles": [],
        "authorizedInstances": [],
        "subunits": [],
    }
    return {**base, **changes}


AUTHORIZED_PARTIES: list[dict[str, Any]] = [
    _party(
        name="FJELLSTAD PER",
        personId=PER,
        dateOfBirth="1979-07-05",
        type="Person",
        authorizedRoles=["privatperson", "priv", "a0236"],
    ),
    _party(
        name="FJELL AS",
        organizationNumber=FJELL,
        unitType="AS",
        authorizedRoles=["a0236"],
        authorizedAccessPackages=["ordinaer-post-til-virksomheten"],
        authorizedInstances=[{"resourceId": "app_skd_sirius", "instanceId": "x", "instanceRef": "urn:altinn:x"}],
        subunits=[
            _party(
                name="FJELL AS AVD TROMSØ",
                organizationNumber=FJELL_TROMSO,
                parentId="a0f3c5c1-7d2a-4f0e-9d0e-0c2a4a5f6b11",
                unitType="BEDR",
                authorizedRoles=["a0236"],
                authorizedAccessPackages=["ordinaer-post-til-virksomheten"],
            )
        ],
    ),
    _party(
        name="GAMLEBAKERIET AS", organizationNumber=DELETED, unitType="AS", isDeleted=True, authorizedRoles=["dagl"]
    ),
    _party(name="post@fjell.example", emailId="post@fjell.example", type="SelfIdentified"),
]
"""Altinn/altinn-authorization-tmp, AuthorizedPartyDto (2026-08)."""

VALIDATION_PROBLEM: dict[str, Any] = {
    "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
    "title": "One or more validation errors occurred.",
    "status": 400,
    "traceId": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "errors": {"Value": [f"The person identifier '{PER}' is not valid."]},
}
"""The same, ValidationProblemDetails. It repeats what was asked."""

DECISION: dict[str, Any] = {
    "response": [
        {
            "decision": "Permit",
            "status": {
                "statusMessage": None,
                "statusDetails": None,
                "statusCode": {"value": "urn:oasis:names:tc:xacml:1.0:status:ok", "statusCode": None},
            },
            "obligations": [
                {
                    "id": f"urn:altinn:obligation:authenticationLevel{number}",
                    "attributeAssignment": [
                        {
                            "attributeId": f"urn:altinn:obligation{number}-assignment{number}",
                            "value": "3",
                            "category": category,
                            "dataType": "http://www.w3.org/2001/XMLSchema#integer",
                            "issuer": None,
                        }
                    ],
                }
                for number, category in (
                    (1, "urn:altinn:minimum-authenticationlevel"),
                    (2, "urn:altinn:minimum-authenticationlevel-org"),
                )
            ],
            "associateAdvice": None,
            "category": None,
            "policyIdentifierList": None,
        }
    ]
}
"""The JSON profile of XACML 3.0 as Altinn's test environment writes it."""

UNIT: dict[str, Any] = {
    "organisasjonsnummer": FJELL,
    "navn": "FJELL AS",
    "organisasjonsform": {"kode": "AS", "beskrivelse": "Aksjeselskap", "_links": {"self": {"href": "…"}}},
    "registreringsdatoEnhetsregisteret": "2019-03-01",
    "registrertIMvaregisteret": True,
    "naeringskode1": {"kode": "62.010", "beskrivelse": "Programmeringstjenester"},
    "antallAnsatte": 12,
    "harRegistrertAntallAnsatte": True,
    "forretningsadresse": {
        "land": "Norge",
        "landkode": "NO",
        "postnummer": "5003",
        "poststed": "BERGEN",
        "adresse": ["Fjellveien 1"],
        "kommune": "BERGEN",
        "kommunenummer": "4601",
    },
    "stiftelsesdato": "2019-02-14",
    "institusjonellSektorkode": {"kode": "2100", "beskrivelse": "Private aksjeselskaper mv."},
    "registrertIForetaksregisteret": True,
    "konkurs": False,
    "underAvvikling": False,
    "underTvangsavviklingEllerTvangsopplosning": False,
    "maalform": "Bokmål",
    "_links": {"self": {"href": f"https://data.brreg.no/enhetsregisteret/api/enheter/{FJELL}"}},
}
"""brreg/openAPI, Enhetsregisteret v2, ``Enhet``."""

SUBUNIT: dict[str, Any] = {
    "organisasjonsnummer": FJELL_TROMSO,
    "navn": "FJELL AS AVD TROMSØ",
    "organisasjonsform": {"kode": "BEDR", "beskrivelse": "Underenhet til næringsdrivende og offentlig forvaltning"},
    "overordnetEnhet": FJELL,
    "beliggenhetsadresse": {"land": "Norge", "landkode": "NO", "poststed": "TROMSØ", "kommune": "TROMSØ"},
    "oppstartsdato": "2020-01-01",
    "_links": {"self": {"href": f"https://data.brreg.no/enhetsregisteret/api/underenheter/{FJELL_TROMSO}"}},
}
"""The same, ``Underenhet``."""

DELETED_UNIT: dict[str, Any] = {
    "organisasjonsnummer": DELETED,
    "navn": "GAMLEBAKERIET AS",
    "organisasjonsform": {"kode": "AS", "beskrivelse": "Aksjeselskap"},
    "slettedato": "2026-03-31",
    "_links": {"self": {"href": f"https://data.brreg.no/enhetsregisteret/api/enheter/{DELETED}"}},
}
"""The same, ``SlettetEnhet``."""

MASKINPORTEN_METADATA: dict[str, Any] = {
    "issuer": "https://maskinporten.example/",
    "token_endpoint": "https://maskinporten.example/token",
    "jwks_uri": "https://maskinporten.example/jwk",
    "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    "grant_types_supported": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
    "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "RS512"],
    "authorization_details_types_supported": ["urn:altinn:systemuser"],
}
"""Digdir's Maskinporten documentation, well-known endpoint."""

MASKINPORTEN_TOKEN: dict[str, Any] = {
    "access_token": "IxC0B76vlWl3fiQhAwZUmD0hr_PPwC9hSIXRdoUslPU=",
    "token_type": "Bearer",
    "expires_in": 599,
    "scope": "altinn:accessmanagement/authorizedparties.resourceowner",
}
"""The same, the answer at the token endpoint: a token may be no JWT at all."""

MASKINPORTEN_REFUSAL: dict[str, Any] = {
    "error": "invalid_grant",
    "error_description": "Invalid assertion. Client authentication failed. (MP-100)",
    "error_uri": "https://docs.digdir.no/docs/Maskinporten/maskinporten_feilmeldinger",
}
"""The same, a refusal."""

IDPORTEN_METADATA: dict[str, Any] = {
    "issuer": "https://test.idporten.no",
    "authorization_endpoint": "https://login.test.idporten.no/authorize",
    "pushed_authorization_request_endpoint": "https://test.idporten.no/par",
    "token_endpoint": "https://test.idporten.no/token",
    "end_session_endpoint": "https://login.test.idporten.no/logout",
    "jwks_uri": "https://test.idporten.no/jwks.json",
    "response_types_supported": ["code"],
    "response_modes_supported": ["query", "form_post", "query.jwt"],
    "subject_types_supported": ["pairwise"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "code_challenge_methods_supported": ["S256"],
    "userinfo_endpoint": "https://test.idporten.no/userinfo",
    "scopes_supported": ["openid", "profile"],
    "ui_locales_supported": ["nb", "nn", "en", "se"],
    "acr_values_supported": [
        "idporten-loa-low",
        "idporten-loa-substantial",
        "idporten-loa-high",
        "eidas-loa-low",
        "eidas-loa-substantial",
        "eidas-loa-high",
        "selfregistered-email",
    ],
    "frontchannel_logout_supported": True,
    "frontchannel_logout_session_supported": True,
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
    "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "RS512"],
    "request_parameter_supported": False,
    "request_uri_parameter_supported": False,
    "authorization_response_iss_parameter_supported": True,
}
"""Digdir's ID-porten documentation, discovery: the browser is sent to another host than the issuer's."""

ID_TOKEN: dict[str, Any] = {
    "sub": "qD-kwgr3FcGA9zy4M7O_4Dco95Uobipd0RJeHSWypG5BL0VrsSND4Pppa2ZInbDyTGfo0Anc",
    "amr": ["TestID"],
    "iss": "https://test.idporten.no",
    "pid": PER,
    "locale": "nb",
    "nonce": "to be replaced",
    "sid": "dskgZMtxu8DRSyIBTljf9XgqVggBS865o6Rmf74rskQ",
    "aud": "deldokument-test",
    "acr": "idporten-loa-high",
    "jti": "mtr2nzQVQ7E",
}
"""The same, the ID token's claims; those of time are the test's."""
