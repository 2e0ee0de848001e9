"""Who may do what: the roles, apart from all else, for those who need no table of subjects."""

from enum import StrEnum


class Role(StrEnum):
    """Who may: each role may do all that the roles before it may. A grant is given by name and follows from no role."""

    OBSERVER = "observer"
    USER = "user"
    ADMIN = "admin"
    GRANT = "grant"

    def includes(self, least: "Role") -> bool:
        """Whether a caller of this role may do what needs the role ``least``."""
        return self is least or (least is not Role.GRANT and [*Role].index(self) >= [*Role].index(least))


RANKED = (Role.OBSERVER, Role.USER, Role.ADMIN)
"""The roles that somebody can have, the least first."""


def up_to(role: Role) -> tuple[Role, ...]:
    """The role and those that it includes, the least first."""
    return tuple(one for one in RANKED if role.includes(one))
