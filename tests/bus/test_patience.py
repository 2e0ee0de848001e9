"""How long who asks waits for an answer where it does not say so: as long as the declared subject may take."""

import pytest

from lunix_common import table
from lunix_common.bus import Bus, find
from lunix_testing.peers import Peers
from lunix_testing.peers import peers as peers
from lunix_testing.server import BusServer


async def test_who_asks_waits_as_long_as_the_table_says(
    bus_server: BusServer, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "PATIENCE_S", 0.1)
    silent = await peers("natsdev")
    for subject in ("hardware.list", "hardware.settle"):
        await silent.listen(subject)
    options = find("user", url=bus_server.url, state=bus_server.state, environ={})
    async with Bus(options, "user") as bus:
        await bus.up()
        for subject, payload, timeout, within in (
            ("hardware.list", None, None, "0.1"),
            ("hardware.settle", {"timeout_ms": 150}, None, "0.25"),
            ("hardware.settle", {"timeout_ms": 150}, 0.05, "0.05"),
        ):
            with pytest.raises(TimeoutError, match=rf"no answer on {subject} within {within} s"):
                await bus.request(subject, payload, timeout)
