"""The reference of the services from the table of what each needs: who it runs as, what is open to it, and why."""

from collections.abc import Iterator
from pathlib import Path

from lunix_cli.shipping.needs import ROWS, SESSION, SYSTEM, Needs


def write(target: Path) -> None:
    """Make ``services.md`` below ``target``; one that says the same already is left alone."""
    text = "\n".join([*_overview(), *(line for row in (*SYSTEM, *SESSION) for line in _section(row))])
    path = target / "services.md"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _overview() -> Iterator[str]:
    yield "| unit | what | runs as | exposure at most | enabled by `lunix install` |"
    yield "|---|---|---|---|---|"
    for row in ROWS.values():
        if row.systemd:
            who = "the person" if row.session else row.user
            enabled = "no" if row.session or not row.by_default else "yes"
            yield f"| `{row.unit}` | {row.doc} | {who} | {row.exposure:g} | {enabled} |"
    yield ""


def _section(row: Needs) -> Iterator[str]:
    facts = [
        *((f"capability `{name}`", why) for name, why in row.capabilities.items()),
        *((f"devices `{name}`", why) for name, why in row.devices.items()),
        *((f"system calls `{name}`", why) for name, why in row.calls.items()),
        *((f"address family `{name}`", "what the kernel tells") for name in row.families),
        *((f"writes below `{path}`", "") for path in (*row.writes, *([f"/run/{row.run}"] if row.run else []))),
        *([("other machines", row.far)] if row.far else []),
        *([("children stay when it ends", row.children)] if row.children else []),
        *((f"no `{name}=`", why) for name, why in row.opens.items()),
    ]
    yield f"## `{row.unit}`\n"
    if not facts:
        yield "Nothing beside the bus.\n"
        return
    yield "| open | why |"
    yield "|---|---|"
    yield from (f"| {what} | {why} |" for what, why in facts)
    yield ""
