"""A Wayland desktop of the test's own: sway without a screen, and programs on it."""

import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

NOBODY = 65534
_CONFIG = """
default_border normal
exec sh -c 'echo "$WAYLAND_DISPLAY" > {folder}/ready'
"""


class Sway:
    """Made by the fixture. It refuses to run as root, and so runs as nobody where the tests are root's."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "sway.sock"
        self._folder = folder
        self._ready = folder / "ready"
        os.mkfifo(self._ready)
        (folder / "config").write_text(_CONFIG.format(folder=folder), encoding="utf-8")
        self._drop: tuple[str, ...] = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        if os.geteuid() != 0:
            self._drop = ()
        else:
            for path in (folder, *folder.iterdir()):
                os.chown(path, NOBODY, NOBODY)
        self._environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "SWAYSOCK": str(self.socket),
            "WLR_BACKENDS": "headless",
            "WLR_RENDERER": "pixman",
            "WLR_LIBINPUT_NO_DEVICES": "1",
        }
        self._programs: list[subprocess.Popen[bytes]] = []

    @property
    def environ(self) -> dict[str, str]:
        """What has a program use it."""
        return {"SWAYSOCK": str(self.socket), "XDG_RUNTIME_DIR": str(self._folder)}

    def start(self) -> None:
        """Start it and wait until it serves."""
        self.process = self.spawn("sway", "--config", str(self._folder / "config"))
        descriptor = os.open(self._ready, os.O_RDWR | os.O_CLOEXEC)
        try:
            assert select.select([descriptor], [], [], 30)[0], "sway did not start"
            self._environ["WAYLAND_DISPLAY"] = os.read(descriptor, 64).decode().strip()
        finally:
            os.close(descriptor)

    def spawn(self, *command: str) -> "subprocess.Popen[bytes]":
        """Start a program on it, which ends with it."""
        null = subprocess.DEVNULL
        process = subprocess.Popen((*self._drop, *command), env=self._environ, stdin=null, stdout=null, stderr=null)
        self._programs.append(process)
        return process

    @staticmethod
    def end(process: "subprocess.Popen[bytes]") -> None:
        """End a program that was started."""
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()

    def close(self) -> None:
        for process in reversed(self._programs):
            self.end(process)


@pytest.fixture
def sway() -> Iterator[Sway]:
    """A desktop that runs."""
    # pytest's own folders are closed to nobody.
    folder = Path(tempfile.mkdtemp(prefix="sway-"))
    one = Sway(folder)
    try:
        one.start()
        yield one
    finally:
        one.close()
        shutil.rmtree(folder)
