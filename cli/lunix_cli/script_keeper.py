"""The scripts under ``lunix up``: each that was granted what it asks for is a service of lunix-init.

    folder, clients.json → inotify → survey → units → lunix-init

A script that is changed is started anew, one that asks for more than it was granted, or is taken away, is stopped.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from lunix_cli import declared, script_folder
from lunix_cli.script_folder import Script
from lunix_cli.supervise import Unit
from lunix_common.access import serverconf
from lunix_common.access.identities import path_of
from lunix_common.errors import UsageError
from lunix_init.os_watch import Watches

PAUSE_S = 1.0
"""Before a script that failed is started again for the first time."""


class ScriptKeeper:
    """``start`` and ``drop`` are those of the runner of units; ``say`` tells a person about scripts that do not run."""

    def __init__(
        self,
        folder: Path,
        state: Path,
        env: Mapping[str, str],
        start: Callable[[Sequence[Unit]], Awaitable[None]],
        drop: Callable[[Sequence[str]], Awaitable[None]],
        say: Callable[[str], None],
    ) -> None:
        self._folder, self._state, self._start, self._drop, self._say = folder, state, start, drop, say
        # Their interpreter and their `lunix` are those of this installation.
        path = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH') or os.defpath}"
        self._env = {**env, "PATH": path}
        self._kept: dict[str, Unit] = {}
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Keep them for ever."""
        watches, changed = Watches(), asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(watches.fd, changed.set)
        try:
            while True:
                changed.clear()
                watches.read()
                watches.watch("scripts", str(self._folder), contents=True)
                watches.watch("clients", str(self._state / serverconf.CLIENTS))
                await self._sync()
                await changed.wait()
        finally:
            loop.remove_reader(watches.fd)
            watches.close()

    async def _sync(self) -> None:
        try:
            found = script_folder.survey(self._folder, declared.table(), serverconf.load_clients(self._state))
        except (OSError, UsageError, ValueError) as error:
            self._say(f"the scripts stay as they are: {error}")
            return
        self._tell(found)
        wanted = {script.service: self._unit(script) for script in found if not script.problem}
        if gone := [name for name in self._kept if name not in wanted]:
            await self._drop(gone)
        if new := [unit for name, unit in wanted.items() if self._kept.get(name) != unit]:
            await self._start(new)
        self._kept = wanted

    def _tell(self, found: Sequence[Script]) -> None:
        problems = {script.path.name: script.problem for script in found if script.problem}
        for name, problem in problems.items():
            if self._told.get(name) != problem:
                self._say(f"the script {name} does not run: {problem}")
        self._told = problems

    def _unit(self, script: Script) -> Unit:
        key = path_of(self._state / "keys", script.service)
        env = self._env | {"NATS_NKEY": str(key), "LUNIX_SCRIPT_VERSION": script.version}
        return Unit(
            script.service,
            (str(script.path),),
            env,
            notifies=False,
            pause_s=PAUSE_S,
            restart="on-failure",
            cwd=str(self._folder),
        )
