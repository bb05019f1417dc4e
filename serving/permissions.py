"""Who may do and see what, in one table: routes and fields by role.  The OpenAPI document, the docs and a test read it."""

from __future__ import annotations

from dataclasses import dataclass

from serving.access import EVERYONE, MAY_DECIDE, MAY_READ_CASES, MAY_SCORE, Role

NOBODY_ASKED: frozenset[Role] = frozenset()
CARE_ALONE = frozenset({Role.CARE})


@dataclass(frozen=True)
class Permission:
    """A route and the roles that may call it; none: it asks for no token."""

    method: str
    path: str
    roles: frozenset[Role]

    @property
    def names(self) -> tuple[str, ...]:
        """The roles in the order in which they are declared."""
        return tuple(role.value for role in Role if role in self.roles)


@dataclass(frozen=True)
class FieldPermission:
    """A part of an assessment that not every role that reads assessments may see."""

    field: str
    roles: frozenset[Role]
    told: str


PERMISSIONS = (
    Permission("POST", "/v1/score", MAY_SCORE),
    Permission("POST", "/v1/score/batch", MAY_SCORE),
    Permission("GET", "/v1/assessments/{assessment_id}", MAY_READ_CASES),
    Permission("POST", "/v1/assessments/{assessment_id}/decisions", MAY_DECIDE),
    Permission("GET", "/v1/model", EVERYONE),
    Permission("GET", "/openapi.json", NOBODY_ASKED),
    Permission("GET", "/", NOBODY_ASKED),
    Permission("GET", "/livez", NOBODY_ASKED),
    Permission("GET", "/healthz", NOBODY_ASKED),
    Permission("GET", "/readyz", NOBODY_ASKED),
    Permission("GET", "/metrics", NOBODY_ASKED),
)
"""The routes for machines; those of the reviewer's pages are for who may read cases, and stand with the pages."""

UNTIL_JUDGED = frozenset({Role.ROUTER})

FIELDS = (
    FieldPermission("assessment", UNTIL_JUDGED, "the stored assessment of a case that is judged first, before the reviewer's own view is recorded; on the manual path nobody reads it: 403"),
    FieldPermission("reasons[B12]", CARE_ALONE, "a recorded statement of wanting to die, as a reason; for others it is part of `other_contribution`"),
    FieldPermission("floors[F3]", CARE_ALONE, "the floor that follows from it, with its offer and its deadline"),
    FieldPermission("evidence", CARE_ALONE, "ids of such statements, in the evidence of whatever reads them"),
)  # fmt: skip

_ROLES = {(one.method, one.path): one for one in PERMISSIONS}


def permission(method: str, path: str) -> Permission:
    """The permission of a route.  Raises KeyError for a route that is not in the table."""
    return _ROLES[method, path]
