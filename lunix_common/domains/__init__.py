"""The declared rows: one module a daemon, with ``DOMAINS``, ``SUBJECTS`` and, where it needs other daemons, ``USES``.

Data alone. ``lunix_common.subjects`` joins them to the table that everything else is computed by.
"""

from lunix_common.domains import (
    bluetooth,
    hardware,
    init,
    log,
    login,
    mount,
    mqtt,
    network,
    power,
    process,
    toast,
    uplink,
    websocket,
    wm,
)

ROWS = (hardware, toast, network, init, process, mount, websocket, mqtt, log, login, power, bluetooth, wm, uplink)
"""In the order in which people read of them."""
