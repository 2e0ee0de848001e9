"""The server's accounts, computed from the declared table: pure, public keys in and plain data out.

LUNIX holds the daemons. It exports each event pattern as a stream and each query and command as a service, to the
accounts whose role may. All others import from there alone, so that a caller's account is known to the daemon
(``share``), a reply subject means something in the caller's own account only, and nobody reads another's inbox.
Format: https://docs.nats.io/running-a-nats-service/configuration/securing_nats/accounts.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lunix_common.access.roles import ROLES, Client, guarded, identity_probe
from lunix_common.subjects import Kind, Role, Subject, Table
from lunix_common.table import INWARD

DAEMONS = "LUNIX"
"""The account of the daemons."""
SHARED = "user.>"
"""What people's own scripts tell each other."""

Json = dict[str, Any]
_VERBS = ("PING", "INFO", "STATS")
DISCOVERY = tuple(f"$SRV.{verb}{tail}" for verb in _VERBS for tail in ("", ".>"))
"""What everybody may ask of all daemons."""


def covers(wide: str, narrow: str) -> bool:
    """Whether each literal that the NATS subject ``narrow`` takes in is taken in by ``wide`` too."""
    wide_tokens, narrow_tokens = wide.split("."), narrow.split(".")
    for index, own in enumerate(wide_tokens):
        if own == ">":
            return len(narrow_tokens) > index
        if index >= len(narrow_tokens) or narrow_tokens[index] == ">":
            return False
        if own not in ("*", narrow_tokens[index]):
            return False
    return len(wide_tokens) == len(narrow_tokens)


def overlap(one: str, other: str) -> bool:
    """Whether some literal is taken in by both NATS subjects."""
    one_tokens, other_tokens = one.split("."), other.split(".")
    for mine, theirs in zip(one_tokens, other_tokens, strict=False):
        if ">" in (mine, theirs):
            return True
        if mine != theirs and "*" not in (mine, theirs):
            return False
    return len(one_tokens) == len(other_tokens)


def may(client: Client, row: Subject) -> bool:
    """Whether this one may see the event or send the request."""
    if row.role is Role.GRANT:
        return row.pattern in client.grants
    granted = not (client.bridge and guarded(row)) or row.pattern in client.grants
    return granted and client.role.includes(row.role)


def may_send(client: Client, row: Subject) -> bool:
    """Whether this one may send to the event's daemon on the event's own subjects."""
    return row.senders is not None and client.role.includes(row.senders)


def within(wide: str, only: Sequence[str] | None) -> list[str]:
    """What of the NATS subject ``wide`` is left to one who may use ``only`` these; all of it where that is ``None``."""
    if only is None or any(covers(one, wide) for one in only):
        return [wide]
    return [one for one in only if covers(wide, one)]


def _reach(client: Client, row: Subject) -> list[str]:
    return within(row.wildcard, client.only) if may(client, row) else []


def _sends(client: Client, row: Subject) -> list[str]:
    return within(row.wildcard, client.only) if may_send(client, row) else []


def _shares(client: Client) -> list[str]:
    """What of ``user.>`` this one may say and hear."""
    return within(SHARED, client.only) if client.role.includes(Role.USER) else []


def accounts(table: Table, public: Mapping[str, str], clients: Iterable[Client] = ()) -> Json:
    """The ``accounts`` of the server's configuration.

    ``public`` holds the public key of each daemon of the table, each role and each of ``clients``. Raises
    ``ValueError`` for a key that is missing and for a table that cannot be kept apart by role.
    """
    everyone = (*ROLES, *clients)
    _check(table, everyone, public)
    result: Json = {DAEMONS: {"users": _daemons(table, public), "exports": _exports(table, everyone)}}
    for client in everyone:
        result[client.account] = {
            "users": [{"nkey": public[client.name], "permissions": _client_permissions(table, client)}],
            "imports": _imports(table, client),
        }
    _open_to_scripts(result, [client.account for client in everyone if _shares(client)])
    for client in everyone:
        for row in table:
            if _sends(client, row):
                _send_inward(result[client.account], row)
    return result


def _check(table: Table, everyone: Sequence[Client], public: Mapping[str, str]) -> None:
    names = [*table.daemons, *(client.name for client in everyone)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is the name of two identities")
        if name not in public:
            raise ValueError(f"{name!r} has no key")
    for index, row in enumerate(table.subjects):
        for other in table.subjects[index + 1 :]:
            if overlap(row.wildcard, other.wildcard):
                _check_overlap(row, other)


def _check_overlap(row: Subject, other: Subject) -> None:
    """Refuse two rows of which one would open the other to those who may not, or bring a subscriber an event twice."""
    if row.wildcard == other.wildcard:
        raise ValueError(f"{row.pattern} and {other.pattern} are the same subjects")
    wide, narrow = (row, other) if covers(row.wildcard, other.wildcard) else (other, row)
    if not covers(wide.wildcard, narrow.wildcard):
        raise ValueError(f"{row.pattern} and {other.pattern} overlap, and neither contains the other")
    if wide.daemon != narrow.daemon or not wide.role.includes(narrow.role):
        raise ValueError(f"{wide.pattern} contains {narrow.pattern}, which is another daemon's or needs a higher role")
    if narrow.kind is Kind.EVENT and wide.kind is not Kind.EVENT:
        raise ValueError(f"{wide.pattern} contains the event {narrow.pattern}, which its callers could forge")


def _daemons(table: Table, public: Mapping[str, str]) -> list[Json]:
    return [{"nkey": public[name], "permissions": _daemon_permissions(table, name)} for name in table.daemons]


def _daemon_permissions(table: Table, daemon: str) -> Json:
    used = [row for row in table if row.pattern in table.uses.get(daemon, ())]
    publish = [row.wildcard for row in table.of(daemon, Kind.EVENT)]
    publish += [row.wildcard for row in used if row.kind is not Kind.EVENT]
    # Replies go out on _R_ (callers in other accounts) and _INBOX (other daemons). The last two ask whether we are who
    # we think, and whether another instance of this daemon is on the bus already.
    publish += ["_R_.>", "_INBOX.>", identity_probe(daemon), f"$SRV.PING.{daemon}"]
    subscribe = [row.wildcard for row in table.of(daemon, Kind.QUERY, Kind.COMMAND)]
    subscribe += [INWARD + row.wildcard for row in table.of(daemon) if row.senders]
    subscribe += [row.wildcard for row in used if row.kind is Kind.EVENT]
    subscribe += [f"_INBOX.{daemon}.>"]
    subscribe += [f"$SRV.{verb}{tail}" for verb in _VERBS for tail in ("", f".{daemon}", f".{daemon}.*")]
    return {"publish": {"allow": publish}, "subscribe": {"allow": subscribe}}


def _exports(table: Table, everyone: Sequence[Client]) -> list[Json]:
    exports: list[Json] = []
    for row in table:
        allowed = [client.account for client in everyone if _reach(client, row)]
        if allowed:  # an empty list would open it to every account
            exports.append({_way(row): row.wildcard, "accounts": allowed})
        if senders := [client.account for client in everyone if _sends(client, row)]:
            exports.append({"service": INWARD + row.wildcard, "accounts": senders})
    exports += [{"service": subject, "response_type": "stream"} for subject in DISCOVERY]
    return exports


def _way(row: Subject) -> str:
    return "stream" if row.kind is Kind.EVENT else "service"


def _imports(table: Table, client: Client) -> list[Json]:
    streams = widest(one for row in table if row.kind is Kind.EVENT for one in _reach(client, row))
    services = widest(one for row in table if row.kind is not Kind.EVENT for one in _reach(client, row))
    services += () if client.only else DISCOVERY
    return [{"stream": {"account": DAEMONS, "subject": stream}} for stream in streams] + [
        {"service": {"account": DAEMONS, "subject": service}, "share": True} for service in services
    ]


def _open_to_scripts(result: Json, names: Sequence[str]) -> None:
    """Let what one of these accounts publishes on ``user.>`` reach all of them, itself too, once.

    Streams imported both ways are a cycle, which the server refuses; so are services with the same subject. So
    ``user.>`` becomes ``_U_.user.>`` as it is published, from where the own account gets it back as a stream and each
    other one as a service on ``_I_.user.>``, which becomes ``user.>`` there. A service and not a stream, because a
    stream carries the reply subject over unchanged: a script that answers would act for whoever named a command there.
    """
    sent = "_U_." + SHARED
    for name in names:
        others = [other for other in names if other != name]
        result[name]["mappings"] = {"user.>": sent, "_I_.user.>": "user.>"}
        result[name]["exports"] = [
            {"stream": sent, "accounts": [name]},
            {"service": "_I_.user.>", "accounts": others, "response_type": "stream"},
        ]
        result[name]["imports"] += [
            {"stream": {"account": name, "subject": sent}, "to": "user.>"},
            *({"service": {"account": one, "subject": "_I_.user.>"}, "to": sent, "share": True} for one in others),
        ]


def _send_inward(account: Json, row: Subject) -> None:
    """Take what is published on the event's subjects to its daemon, and to nobody else: that tells it to all.

    So nobody hears it twice, and all hear what was sent here and elsewhere in one order. Requests whose subjects the
    event's take in go the same way.
    """
    account.setdefault("mappings", {})[row.wildcard] = INWARD + row.wildcard
    account["imports"].append({"service": {"account": DAEMONS, "subject": INWARD + row.wildcard}, "share": True})


def widest(wildcards: Iterable[str]) -> list[str]:
    """The NATS subjects without those that another one contains, which would deliver everything twice."""
    subjects = dict.fromkeys(wildcards)
    # One without a wildcard contains none but itself; and a table has hundreds of subjects.
    wide = [one for one in subjects if not {"*", ">"}.isdisjoint(one)]
    return [one for one in subjects if not any(other != one and covers(other, one) for other in wide)]


def _client_permissions(table: Table, client: Client) -> Json:
    """What the role may send, and what it may not hear: both make a refusal an error that the client is told."""
    publish = [one for row in table if row.kind is not Kind.EVENT for one in _reach(client, row)]
    publish += [prefix + one for row in table for one in _sends(client, row) for prefix in ("", INWARD)]
    shared = _shares(client)
    if shared:
        publish += [*shared, *("_U_." + one for one in shared), "_INBOX.>", "_R_.>"]
    heard = [(row, _reach(client, row)) for row in table if row.kind is Kind.EVENT]
    if client.only is None:
        denied = [row.wildcard for row, reached in heard if not reached]
        subscribe = {"deny": [*denied, "_U_.>", "_I_.>", INWARD + ">"]}
        publish += DISCOVERY
    else:
        subscribe = {"allow": [*(one for _, reached in heard for one in reached), *shared, "_INBOX.>"]}
    return {"publish": {"allow": publish}, "subscribe": subscribe}
