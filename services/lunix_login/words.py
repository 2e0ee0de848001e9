"""Names as programs, terminals and other hosts give them, bounded and as text."""

MOST_CHARACTERS = 256


def clean(raw: bytes | str | None) -> str | None:
    r"""A name for people and JSON, ``None`` where there is none; bytes that are no UTF-8 are written as ``\\xNN``."""
    text = raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    return text[:MOST_CHARACTERS] if text else None


def terminal(raw: bytes | str | None) -> str | None:
    """The name of a terminal without ``/dev/``; a program that has none says its own, as sshd does with ``ssh``."""
    text = (clean(raw) or "").removeprefix("/dev/")
    return text if text not in ("", "ssh", "ssh:notty", "cron", "nodev") else None
