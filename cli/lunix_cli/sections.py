"""The sections of ``lunix.toml``: whose each is, and what nobody would say of a mistake in one."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from lunix_cli import daemons
from lunix_common import config
from lunix_common.config import Settings
from lunix_common.errors import UsageError, did_you_mean


def model(daemon: str) -> type[Settings] | None:
    """The settings of a daemon; ``None`` where it has none."""
    package = daemons.module(daemon)
    for part in ("settings", "__main__"):
        name = f"{package}.{part}"
        if find_spec(package) and find_spec(name):
            members = vars(import_module(name)).values()
            found = [each for each in members if isinstance(each, type) and issubclass(each, Settings)]
            own = [each for each in found if each is not Settings]
            if own:
                return own[0]
    return None


def problem(daemon: str) -> str:
    """Why a daemon would refuse its settings; empty where it takes them."""
    settings = model(daemon)
    try:
        if settings is not None:
            config.load(daemon, settings)
    except UsageError as error:
        return str(error)
    return ""


def strangers(known: Iterable[str], paths: Iterable[Path]) -> Iterator[str]:
    """A sentence on each section that nobody reads, for no daemon says so; raise ``UsageError`` for a broken file."""
    names = sorted(["up", *known])
    for path in paths:
        for section in config.read(path):
            if section not in names:
                hint = did_you_mean(section, names, "there are {}", "[{}]")
                yield f"{path}: nobody reads the section [{section}]: {hint}"
