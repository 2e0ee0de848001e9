"""``lunix-mqtt``: arguments, checks, run."""

from collections.abc import Iterable
from importlib.util import find_spec
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_common.errors import UsageError
from lunix_mqtt.service import serve
from lunix_mqtt.settings import Settings


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    if settings.address is None:
        return ["nothing is connected: mqtt.broker names no broker"]
    if find_spec("paho") is None:
        raise UsageError("paho-mqtt is not installed: pip install 'lunix[mqtt]'")
    for file in (settings.password_file, settings.ca_file, settings.certificate_file, settings.key_file):
        if file is not None:
            file.open("rb").close()
    routes = settings.routes
    host, port, tls = settings.address
    return [
        f"connects to {host}, port {port}{' by TLS' if tls else ''}, as {routes.client_id}",
        f"its state is on the topic {routes.state_topic}",
        *(f"describes {topic} to Home Assistant" for topic in sorted(routes.described)),
    ]


SPEC = Spec(
    name="mqtt",
    doc="An MQTT broker and this bus tell each other (mqtt.>).",
    settings=Settings,
    serve=serve,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
