"""Popups come back by themselves when their display does, and come when it is started after lunix-toast."""

import asyncio

from lunix_testing.daemon import DaemonStarter
from lunix_testing.desktop import Desktop, looking
from lunix_testing.toasts import Person


async def test_popups_return_with_their_display(
    lasting_desktop: Desktop, daemon_process: DaemonStarter, person: Person
) -> None:
    desktop = lasting_desktop
    daemon = daemon_process("lunix_toast", env=desktop.environ)
    await person.toast("before", timeout_ms=0)
    desktop.end(desktop.server)
    await asyncio.to_thread(daemon.wait_for_log, "the screen is gone", 0, 30)
    await person.toast("meanwhile", timeout_ms=0)
    since = len(daemon.log)
    desktop.serve()
    await asyncio.to_thread(daemon.wait_for_log, "popups: display", since, 30)
    async with looking(desktop) as eyes:
        # Who looks sees what is shown from then on: a third one, and those below it that make room.
        await person.toast("after", timeout_ms=0)
        await eyes.until(lambda popups: len(popups) >= 1)
    assert [one["summary"] for one in (await person.ask("toast.list"))["items"]] == ["before", "meanwhile", "after"]


async def test_a_display_that_is_started_later_is_taken(
    lasting_desktop: Desktop, daemon_process: DaemonStarter, person: Person
) -> None:
    desktop = lasting_desktop
    desktop.end(desktop.server)
    daemon = daemon_process("lunix_toast", env=desktop.environ)
    assert "there are no popups" in daemon.wait_for_log("there are no popups")
    await person.toast("early", timeout_ms=0)
    desktop.serve()
    await asyncio.to_thread(daemon.wait_for_log, "popups: display", 0, 30)
