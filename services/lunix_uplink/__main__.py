"""``lunix-uplink``: arguments, checks, run."""

from collections.abc import Iterable
from typing import NoReturn

from lunix_common.bus.options import state_directory
from lunix_common.daemon import Spec, run
from lunix_common.errors import UsageError
from lunix_uplink import line
from lunix_uplink.service import read, serve
from lunix_uplink.settings import Settings


def check(_settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    try:
        joined = read(state_directory())
    except ValueError as error:
        raise UsageError(str(error)) from error
    if joined is None:
        return ["this machine belongs to no fleet"]
    line.tls(joined.membership.authority)
    roles = ", ".join(client.role for client in joined.clients)
    return [f"{joined.membership.prefix} at {joined.membership.hub}, for operators who are {roles}"]


SPEC = Spec(
    name="uplink",
    doc="A machine on lunix-bus as a member of a fleet.",
    settings=Settings,
    serve=serve,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
