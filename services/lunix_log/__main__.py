"""``lunix-log``: arguments, checks, run."""

from collections.abc import Iterable
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_log.os_kmsg import Kmsg
from lunix_log.os_socket import probe
from lunix_log.programs import journal_here
from lunix_log.service import serve
from lunix_log.settings import Settings


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    yield programs(settings)
    if settings.kernel:
        try:
            Kmsg().close()
            yield "the kernel is heard by /dev/kmsg"
        except OSError as error:
            yield f"the kernel cannot be heard: {error}"
    for by, port in (("udp", settings.udp_port), ("tcp", settings.tcp_port)):
        if port is not None:
            yield f"other machines are heard by {by}, on {settings.listen} port {port or 'any free one'}"


def programs(settings: Settings) -> str:
    """From where programs are heard."""
    if settings.local == "none":
        return "programs are not heard: log.local is none"
    why = "log.local is journal" if settings.local == "journal" else probe(settings.socket)
    if why is None:
        return f"programs are heard by {settings.socket}"
    if settings.local != "socket" and journal_here(settings):
        return f"programs are heard by the journal: {why}"
    return f"programs cannot be heard: {why}"


SPEC = Spec(
    name="log",
    doc="What the kernel, programs, services and other machines write down (log.>).",
    settings=Settings,
    serve=serve,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
