"""Arguments, checks, and the order in which natsdev begins."""

import argparse
import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from lunix_common.config import Settings
from lunix_common.daemon import Context, Spec, run
from lunix_common.errors import UsageError
from lunix_natsdev import os_sysfs
from lunix_natsdev.answers import Answers
from lunix_natsdev.hwdb import Hwdb
from lunix_natsdev.manage import rules
from lunix_natsdev.manage.manage import RULES_FOLDER, Manage, load
from lunix_natsdev.os_netlink import RECEIVE_BUFFER_BYTES
from lunix_natsdev.os_udevd import is_running
from lunix_natsdev.probe import Probes
from lunix_natsdev.service import Natsdev
from lunix_natsdev.source import Choice, choose, open_source


class NatsdevSettings(Settings):
    """The section ``[natsdev]``."""

    source: Choice = "auto"
    """``kernel``, ``udev``, or ``auto``: udev where udevd runs."""
    receive_buffer_bytes: int = Field(default=RECEIVE_BUFFER_BYTES, ge=2048)
    """How much the kernel may hold back for natsdev before it drops events."""
    probe: bool = True
    """Look at what is on block devices. With the source ``udev``, udevd does."""
    probe_timeout_s: float = Field(default=10.0, gt=0)
    """So long the event of a disk waits for its answer."""
    probes_at_once: int = Field(default=4, ge=1)
    """So many disks are looked at at the same time, each by a process of its own."""
    probe_in_fork: bool = False
    """That process is a fork of natsdev and no program: where an interpreter is slow to start and there are no keys."""
    manage: bool = False
    """Be the machine's device manager: nodes, links, drivers."""
    rules_folder: Path = RULES_FOLDER
    """The folder of the rules for ``manage``, ``*.toml``."""
    dev_root: Path = Path("/dev")
    """The folder of the nodes for ``manage``."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", choices=("auto", "kernel", "udev"), help="where events come from")
    parser.add_argument("--manage", action="store_true", default=None, help="make nodes and links, load drivers")


def _check(settings: NatsdevSettings) -> Iterable[str]:
    source = choose(settings.source)
    lines = [f"source in use = {source}"]
    if settings.manage:
        _may_manage(settings, source)
        lines.append(f"rules in use = {len(_rules(settings).rules)}")
    return lines


def _may_manage(settings: NatsdevSettings, source: str) -> None:
    if source == "udev":
        raise UsageError("--manage is for a machine without udevd: here it runs, or is the configured source")
    if os.geteuid() != 0:
        raise UsageError("--manage makes device nodes, and so needs root")
    _rules(settings)


def _rules(settings: NatsdevSettings) -> rules.Rules:
    try:
        return load(settings.rules_folder)
    except rules.RuleError as error:
        raise UsageError(str(error)) from error


async def serve(context: Context[NatsdevSettings]) -> None:
    """Open the source, read what is there, answer, and tell what happens."""
    settings = context.settings
    if settings.manage:
        _may_manage(settings, choose(settings.source))
    source = open_source(settings.source, settings.receive_buffer_bytes)
    context.stack.callback(source.close)
    if source.name == "udev" and not is_running():
        context.log.warning("udevd does not run: no events come before it does")
    probes = Probes(settings.probes_at_once, in_fork=settings.probe_in_fork)
    context.stack.callback(probes.close)
    manager = _manager(context, probes) if settings.manage else None
    natsdev = Natsdev(
        context.bus,
        source,
        context.tasks,
        Hwdb(),
        probes=probes if settings.probe else None,
        probe_timeout_s=settings.probe_timeout_s,
        manage=manager,
    )
    context.stack.callback(natsdev.intake.close)
    await natsdev.start()
    context.tasks.create_task(natsdev.run(), name="natsdev.run")
    if manager is not None:
        context.tasks.create_task(manager.run(), name="natsdev.manage")
        context.tasks.create_task(_reload(context, manager), name="natsdev.reload")
        await _coldplug(context, natsdev, manager)
    Answers(context.bus, natsdev).declare()
    await context.ready()
    await asyncio.Event().wait()


def _manager(context: Context[NatsdevSettings], probes: Probes) -> Manage:
    settings = context.settings
    return Manage(
        _rules(settings),
        context.log,
        probes=probes,
        trigger=os_sysfs.trigger,
        dev_root=settings.dev_root,
        dry_run=context.dry_run,
    )


async def _coldplug(context: Context[NatsdevSettings], natsdev: Natsdev, manager: Manage) -> None:
    asked = await manager.coldplug([path for _device, path in natsdev.table.paths()], natsdev.settle)
    await manager.idle()
    manager.sweep()
    context.log.info("coldplug is done", extra={"devices": asked.devices, "refused": asked.refused})


async def _reload(context: Context[NatsdevSettings], manager: Manage) -> None:
    while True:
        await context.reload.wait()
        context.reload.clear()
        try:
            manager.reload(_rules(context.settings))
            context.log.info("rules are read again")
        except (UsageError, OSError) as error:
            context.log.error("the old rules stay", extra={"reason": str(error)})


def main() -> None:
    """The program ``natsdev``."""
    run(
        Spec(
            name="natsdev",
            doc="Devices come and go on the bus.",
            settings=NatsdevSettings,
            serve=serve,
            acts=True,
            check=_check,
            arguments=_arguments,
        )
    )


if __name__ == "__main__":
    main()
