"""Who keeps the services of a state directory, and what is said of them there."""

from pathlib import Path

from lunix_cli import kept_by_init, record, systemd


def found(state: Path, runtime: Path) -> record.Record | None:
    """What a running ``lunix up``, systemd or the machine's lunix-init keeps; ``None`` where none does."""
    return record.read(runtime) or systemd.record(state) or kept_by_init.record(runtime)
