"""Programs of a desktop that send notifications, and dunst, which shows them."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lunix_dbus import Dbus, Match, Variant
from lunix_testing.daemon import Daemon, DaemonStarter
from lunix_testing.dbus import DbusDaemon
from lunix_testing.deadline import Inbox, deadline
from lunix_testing.desktop import Desktop
from lunix_toast.desktop import INTERFACE, NAME, PATH

DUNSTRC = "[global]\nfollow = none\nnotification_limit = 0\nidle_threshold = 0\n"


def started(
    daemon_process: DaemonStarter, dbus_daemon: DbusDaemon, desktop: Desktop | None = None, config: str = ""
) -> Daemon:
    environ = dbus_daemon.environ | (desktop.environ if desktop else {})
    return daemon_process("lunix_toast", config=f"[toast]\n{config}\n", env=environ)


def notify_send(dbus_daemon: DbusDaemon, *arguments: str) -> str:
    return dbus_daemon.run("notify-send", *arguments)


class App:
    """A program that sends notifications and hears what becomes of them."""

    def __init__(self, address: str) -> None:
        self.dbus = Dbus(address)
        self.heard: Inbox[tuple[Any, ...]] = Inbox()
        self.owners: Inbox[str | None] = Inbox()
        for member in ("NotificationClosed", "ActionInvoked", "ActivationToken"):
            self.dbus.subscribe(
                Match(NAME, INTERFACE, member), lambda signal: self.heard.put((signal.member, *signal.body))
            )
        self.dbus.watch(NAME, self.owners.put)

    async def notify(
        self,
        summary: str,
        body: str = "",
        actions: list[str] | None = None,
        hints: dict[str, Variant] | None = None,
        replaces: int = 0,
        timeout: int = 0,
    ) -> int:
        """Ask for one; its number. It stays until somebody closes it, where nothing else is said."""
        values = ("App", replaces, "", summary, body, actions or [], hints or {}, timeout)
        [number] = await self.call("Notify", "susssasa{sv}i", *values)
        assert isinstance(number, int)
        return number

    async def call(self, member: str, signature: str = "", *values: object) -> list[Any]:
        return await self.dbus.call(NAME, PATH, INTERFACE, member, signature, values)


@pytest.fixture
async def app(dbus_daemon: DbusDaemon) -> AsyncIterator[App]:
    one = App(dbus_daemon.address)
    async with one.dbus:
        async with deadline("a connection to D-Bus"):
            await one.dbus.tried()
        yield one


def dunst(desktop: Desktop, dbus_daemon: DbusDaemon) -> "subprocess.Popen[bytes]":
    config = Path(desktop.folder) / "dunstrc"
    config.write_text(DUNSTRC, encoding="ascii")
    return desktop.spawn("dunst", "-config", str(config), env=dbus_daemon.environ)
