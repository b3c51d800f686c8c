"""Use cases of agreements and impact assessments.

May import: the packages of services below it, `ports`, `store`, `domain`, `crypto`.

- `impact_assessment`: records an impact assessment (DPIA)
- `signature_page`: composes the signature page of a signed agreement
- `signing`: signs a service agreement with a login
- `status`: compares signed agreements with the published versions
- `texts`: publishes texts and fills them in for a tenant
"""
