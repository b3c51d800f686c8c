"""A person's rights for organisations, from Altinn's policy decision point (PDP).

Guarantees:
- Asks about every organisation on the person's list and no others, so that the request reveals nothing about a share.
- Only ``Permit`` grants, and only if its obligations are known and met.
- Fails closed, as `authorized_parties` does.

A permit adds the code ``resource:<id>`` to the codes of the list. Does not know which resource a share needs.

Source: Altinn's XACML guide, and the JSON profile of XACML 3.0 (multiple requests), as Altinn serves it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from deldokument.adapters.altinn.authorized_parties import AltinnCalls, RightsSource, RightsUnavailable
from deldokument.domain.identifiers import PersonIdentifier
from deldokument.ports.registers import OrganizationGrant

PATH: Final = "/authorization/api/v1/authorize"
OUR_LEVEL: Final = 4
"""The authentication level of every logged-in person: idporten-loa-high."""
MAX_DECISIONS: Final = 100
_PERSON: Final = "urn:altinn:person:identifier-no"
_ORGANIZATION: Final = "urn:altinn:organization:identifier-no"
_RESOURCE: Final = "urn:altinn:resource"
_ACTION: Final = "urn:oasis:names:tc:xacml:1.0:action:action-id"
_LEVEL: Final = "urn:altinn:minimum-authenticationlevel"
_LEVEL_OF_SYSTEMS: Final = "urn:altinn:minimum-authenticationlevel-org"
_DECISIONS: Final = frozenset({"Permit", "Deny", "NotApplicable", "Indeterminate"})

Question = tuple[str, str]
"""The number of an organisation and the id of a resource."""


def resource_code(resource_id: str) -> str:
    """Return the code that represents a permit for a resource."""
    return f"resource:{resource_id.casefold()}"


class AltinnDecisionPoint:
    """Rights from the PDP, asked by ``calls``: each organisation that ``parties`` lists, for each of ``resources``."""

    def __init__(self, calls: AltinnCalls, parties: RightsSource, resources: Sequence[str]) -> None:
        self._calls = calls
        self._parties = parties
        self._resources = resources

    def grants(self, person: PersonIdentifier) -> tuple[OrganizationGrant, ...]:
        """Return the rights; see OrganizationRights.

        Raises: RightsUnavailable.
        """
        listed = self._parties.grants(person)
        questions = [(grant.organization_number, resource) for grant in listed for resource in self._resources]
        permitted: set[Question] = set()
        for start in range(0, len(questions), MAX_DECISIONS):
            permitted |= self._find_permitted(person, questions[start : start + MAX_DECISIONS])
        permits = (self._with_permits(grant, permitted) for grant in listed)
        return tuple(grant for grant in permits if grant.codes)

    def _with_permits(self, grant: OrganizationGrant, permitted: set[Question]) -> OrganizationGrant:
        # Ignore a code in the list that looks like a permit of the PDP.
        held = grant.codes.difference(map(resource_code, self._resources))
        may = {resource_code(r) for r in self._resources if (grant.organization_number, r) in permitted}
        return replace(grant, codes=held | may)

    def _find_permitted(self, person: PersonIdentifier, questions: Sequence[Question]) -> set[Question]:
        answer = self._calls.post(PATH, _request(person, questions), {})
        try:
            results = _fold_names(answer)["response"]
            if not isinstance(results, list) or len(results) != len(questions):
                raise ValueError("not as many answers as questions")
            return {asked for asked, result in zip(questions, results, strict=True) if _permits(result, asked)}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RightsUnavailable(f"decision point: {type(error).__name__}") from error


def _request(person: PersonIdentifier, questions: Sequence[Question]) -> dict[str, Any]:
    """Build the request: one subject, one action and one resource per question, each decided separately."""
    resources = [
        {"Id": f"r{number}", "Attribute": [_attribute(_RESOURCE, resource), _attribute(_ORGANIZATION, organization)]}
        for number, (organization, resource) in enumerate(questions, 1)
    ]
    references = [{"ReferenceId": ["s1", "a1", resource["Id"]]} for resource in resources]
    return {
        "Request": {
            "ReturnPolicyIdList": False,
            "AccessSubject": [{"Id": "s1", "Attribute": [{"AttributeId": _PERSON, "Value": person.value}]}],
            "Action": [{"Id": "a1", "Attribute": [{"AttributeId": _ACTION, "Value": "read"}]}],
            "Resource": resources,
            "MultiRequests": {"RequestReference": references},
        }
    }


def _attribute(name: str, value: str) -> dict[str, Any]:
    return {"AttributeId": name, "Value": value, "IncludeInResult": True}


def _permits(result: dict[str, Any], asked: Question) -> bool:
    """Return whether a result grants what was asked.

    Raises: ValueError, KeyError, TypeError or AttributeError for a result that is not understood.
    """
    if result["decision"] not in _DECISIONS:
        raise ValueError("no decision")
    expected = {_ORGANIZATION: asked[0], _RESOURCE: asked[1]}
    if any(expected.get(name, value) != value for name, value in _attributes(result.get("category"))):
        raise ValueError("an answer to another question")
    return result["decision"] == "Permit" and all(map(_is_met, result.get("obligations") or ()))


def _attributes(categories: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of the question that a result repeats. Repeating them is optional."""
    for category in categories or ():
        for attribute in category.get("attribute") or ():
            yield attribute["attributeid"], attribute["value"]


def _is_met(obligation: Mapping[str, Any]) -> bool:
    """Return whether an obligation is met.

    An unknown one is not; obligations of systems do not apply to persons.
    """
    assignments = obligation["attributeassignment"]
    return bool(assignments) and all(map(_holds, assignments))


def _holds(assignment: Mapping[str, Any]) -> bool:
    names = {assignment.get("category"), assignment.get("attributeid")}
    if _LEVEL in names:
        return int(assignment["value"]) <= OUR_LEVEL
    return _LEVEL_OF_SYSTEMS in names


def _fold_names(value: Any) -> Any:
    """Return a copy with key names in lower case: Altinn has used both spellings.

    Raises: ValueError if a name occurs twice.
    """
    if isinstance(value, list):
        return [_fold_names(item) for item in value]
    if not isinstance(value, dict):
        return value
    folded = {name.casefold(): _fold_names(item) for name, item in value.items()}
    if len(folded) != len(value):
        raise ValueError("a name twice")
    return folded
