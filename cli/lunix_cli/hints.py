"""What a person meant by a subject that the bus does not take, and what to do instead. Pure."""

from lunix_common.access.accounts import overlap
from lunix_common.access.roles import guarded
from lunix_common.errors import did_you_mean
from lunix_common.role import RANKED
from lunix_common.subjects import Kind, Role, Subject, Table

FREE = frozenset({"user", "host", "fleet", "*", ">"})
"""First tokens that stand for more than this machine's table tells."""
LAST_WORDS = {
    "hardware.<subsystem>.<action>": ("add", "remove", "change", "move", "online", "offline", "bind", "unbind"),
    "log.<facility>.<severity>": ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"),
}
"""Patterns whose last token is one of these words: any other is declared by the pattern, and never told."""


def refused(verb: str, subject: str, table: Table, who: str = "") -> str:
    """Why ``who``, a role or an identity, may not ``send`` or ``see`` a subject, and what to do, as far as is known."""
    if subject.lower().startswith("_inbox."):
        return f"{who} is a daemon, which asks under its own name alone; a terminal without NATS_NKEY has a role's key"
    if subject.startswith("host.") and (there := table.find(subject.split(".", 2)[-1])):
        return f"it takes {_needed(there)}: of the hub's `lunix fleet operator`, of the machine's `lunix fleet join`"
    row = table.find(subject) or next((one for one in table if one.wildcard == subject), None)
    if row is None:
        return unknown(subject, table) or "`lunix subjects` tells which role may; --role takes another one"
    if row.role is Role.GRANT:
        return f"nobody may to whom it was not granted: `lunix access add NAME --grant {row.wildcard}`"
    if verb == "send" and row.kind is Kind.EVENT and not row.senders:
        return f"it is an event, which {row.daemon} alone tells: `lunix sub {subject}` shows it"
    if verb == "see" and row.kind is not Kind.EVENT:
        return f"it is a {row.kind.value}: `lunix request {subject}` sends it"
    if who in RANKED and Role(who).includes(row.role):
        return "the bus was started before that was declared, and does not know it: start it anew"
    more = f", and a bridge needs `--grant {row.wildcard}` as well" if guarded(row) else ""
    return f"it is for the role {row.role.value}{more}; --role takes another one"


def _needed(row: Subject) -> str:
    grant = f"--grant {row.wildcard}"
    if row.role is Role.GRANT:
        return f"`{grant}`"
    return f"`--role {row.role.value}`" + (f" and `{grant}`" if guarded(row) else "")


def unknown(subject: str, table: Table) -> str:
    """What to say of a subject that nothing in the table could take in; empty where something could."""
    first = subject.partition(".")[0]
    if first in FREE or first.startswith(("_", "$")):
        return ""
    rows = [row for row in table if overlap(row.wildcard, subject)]
    if not rows:
        return f"nothing of that name is declared; {_near(subject, first, table)}"
    last = subject.rpartition(".")[2]
    words = LAST_WORDS.get(rows[0].pattern, ()) if len(rows) == 1 else ()
    if not words or last in {*words, "*", ">"}:
        return ""
    return f"nothing ends with {last} there: {did_you_mean(last, words, 'there are {}')}"


def _near(subject: str, first: str, table: Table) -> str:
    from difflib import get_close_matches  # 80 KB, and only a mistake needs it

    domains = [domain.name for domain in table.domains]
    if subject in domains:
        return f"`lunix subjects {subject}` shows what there is"
    likely = [f"{one}{subject.removeprefix(first)}" for one in get_close_matches(first, domains)]
    near = [one for one in likely if any(overlap(row.wildcard, one) for row in table)]
    near += get_close_matches(subject, [row.wildcard for row in table], cutoff=0.8)
    if near:
        return f"did you mean {' or '.join([*dict.fromkeys(near)][:2])}?"
    return f"`lunix subjects{f' {first}' if first in domains else ''}` shows what there is"
