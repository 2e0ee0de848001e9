"""Units of lunix-init from the rows of ``needs``. Pure."""

import json

from lunix_cli.shipping.needs import ROWS, Needs


def unit(row: Needs, *, alone: bool = True) -> str:
    """The unit file of one row; ``alone`` where neither systemd nor udevd is beside lunix-init."""
    args = [*row.command[1:], *(row.init_args if alone else ())]
    lines = [f"description = {json.dumps(row.doc, ensure_ascii=False)}"]
    if row.exec_only:
        lines.append(f"exec = {json.dumps([row.command[0], *args])}")
    else:
        lines.append(f'python = "{row.module}"')
        if args:
            lines.append(f"args = {json.dumps(args)}")
    if row.name != "bus":
        lines.append('needs = ["bus"]')
    lines.append('ready = "notify"')
    if row.start_s != Needs.start_s:
        lines.append(f'start_timeout = "{_time(row.start_s)}"')
    if row.env:
        lines += ["[env]", *(f"{name} = {json.dumps(value)}" for name, value in row.env.items())]
    if row.stop_s != Needs.stop_s:
        lines += ["[stop]", f'timeout = "{_time(row.stop_s)}"']
    if row.name == "bus":
        # All wait for it: it does not stay away long.
        lines += ["[backoff]", 'cap = "5s"']
    return "\n".join(lines) + "\n"


def files() -> dict[str, str]:
    """Every unit by its file's name."""
    return {f"{row.name}.toml": unit(row) for row in ROWS.values()}


def _time(seconds: int) -> str:
    return f"{seconds}s" if seconds % 60 or seconds == 60 else f"{seconds // 60}min"
