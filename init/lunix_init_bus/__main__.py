"""Arguments, checks, run."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_init_bus.control import SOCKET
from lunix_init_bus.service import serve
from lunix_init_bus.settings import InitSettings


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", type=Path, metavar="DIR", help="the run directory of the lunix-init to speak for")


def _check(settings: InitSettings) -> Iterable[str]:
    there = (settings.run / SOCKET).is_socket()
    yield f"lunix-init = {'there' if there else f'not there: no socket in {settings.run}'}"


SPEC = Spec("init", "The supervisor on the bus.", InitSettings, serve, check=_check, arguments=_arguments)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
