"""The subjects of login: who comes and goes."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain(
        "login",
        "login",
        "Sessions of people on this machine.",
        item="login.Session",
        gone=frozenset({"closed"}),
        passing=frozenset({"failed", "name"}),
    ),
)

SUBJECTS = (
    event("login.opened", "login", "login.Opened", "Somebody logged in.", Role.USER),
    event("login.closed", "login", "login.Closed", "A session is over.", Role.USER),
    event("login.failed", "login", "login.Failed", "A login was refused; not whose.", Role.USER),
    event(
        "login.failed.name",
        "login",
        "login.FailedName",
        "The name that was typed for a login that was refused, which may be a password; told before its `failed`.",
        Role.ADMIN,
    ),
    Subject(
        "login.list",
        Kind.QUERY,
        "login",
        "login.ListRequest",
        "The sessions that are open.",
        reply="login.SessionList",
        role=Role.USER,
        bare="user",
    ),
)
