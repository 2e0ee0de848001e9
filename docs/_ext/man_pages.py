"""Which pages of the reference are manual pages, too: (document, name, description, authors, section)."""

from lunix_common.subjects import Table

AUTHORS = "The lunix authors"
_PROGRAMS = {"natsdev": "natsdev", "init": "lunix-init"}
"""Daemons whose program is not named ``lunix-<daemon>``."""
_PLAIN = (
    ("reference/cli", "lunix", "everything a Linux userspace knows and can do, on one bus", 1),
    ("reference/bus", "lunix-bus", "a NATS server for one small device", 8),
    ("reference/configuration", "lunix.toml", "settings of lunix", 5),
    ("reference/units", "lunix-units", "services of lunix-init", 5),
    ("reference/subjects", "lunix-subjects", "what there is on the bus of lunix", 7),
)


def pages(table: Table) -> list[tuple[str, str, str, str, int]]:
    """One for each program, and those of files."""
    daemons = [
        (f"reference/{daemon}", _PROGRAMS.get(daemon, f"lunix-{daemon}"), _doc(table, daemon), AUTHORS, 8)
        for daemon in table.daemons
    ]
    return [*((document, name, what, AUTHORS, section) for document, name, what, section in _PLAIN), *daemons]


def _doc(table: Table, daemon: str) -> str:
    return next(domain.doc for domain in table.domains if domain.daemon == daemon).rstrip(".").lower()
