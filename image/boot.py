"""Start the image in QEMU: `python -m image.boot`, its serial console on this terminal.

Ctrl-A x ends it at once, and Ctrl-A c changes to QEMU's monitor and back. There a stick is plugged and pulled:

    device_add usb-storage,id=plugged,drive=stick,bus=usb.0
    device_del plugged
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from image.place import CACHE, IMAGE

FLASH_BYTES = 8 * 1024 * 1024
MEMORY_MB = int(os.environ.get("MEMORY_MB", "64"))
"""make boot MEMORY_MB=80 starts a board with more."""
_PROCESSOR = "max,-erms"
"""All that QEMU emulates, but for "enhanced rep movsb": a kernel that hears of it copies and clears pages byte by byte,
which is fastest on a processor that has it, and slowest in an emulation."""
_SETTINGS_AT = 6 * 1024 * 1024


def flash(path: Path, image: Path = IMAGE) -> Path:
    """Write a flash of 8 MiB: kernel and root, and behind them room for settings, where mkfs.vfat can make it."""
    path.unlink(missing_ok=True)
    settings = path.with_suffix(".settings")
    settings.unlink(missing_ok=True)
    _vfat(settings, FLASH_BYTES - _SETTINGS_AT, "SETTINGS")
    path.write_bytes(image.read_bytes().ljust(_SETTINGS_AT, b"\xff") + settings.read_bytes())
    settings.unlink()
    return path


def _vfat(path: Path, size: int, label: str) -> None:
    """Make a file of this size with an empty vfat, as far as mkfs.vfat is there."""
    path.touch()
    os.truncate(path, size)
    if maker := shutil.which("mkfs.vfat", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
        subprocess.run((maker, "-n", label, path), check=True, stdout=subprocess.DEVNULL)


def stick(path: Path) -> tuple[str, str]:
    """QEMU's words for a stick that can be plugged: 16 MiB with an empty vfat, as far as mkfs.vfat is there."""
    if not path.exists():
        _vfat(path, 16 * 1024 * 1024, "STICK")
    # What -drive names goes with the device that is pulled; this can be plugged again.
    return "-blockdev", f"driver=raw,node-name=stick,file.driver=file,file.filename={path}"


def command(drive: Path, *more: str, append: Sequence[str] = (), memory_mb: int = MEMORY_MB) -> tuple[str, ...]:
    """QEMU with a board: emulated, with a serial line, a network and USB."""
    # On a busy machine the emulated timer comes too late for the kernel's check of it, which panics.
    words = ("-append", " ".join(("no_timer_check", *append)))
    return (
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", "tcg", "-cpu", _PROCESSOR, "-m", str(memory_mb), "-kernel", str(drive), *words),
        *("-drive", f"file={drive},format=raw,if=virtio", "-nic", "user,model=virtio-net-pci"),
        *("-device", "qemu-xhci,id=usb", *more),
    )


def main() -> None:
    """Become QEMU."""
    if not IMAGE.exists():
        raise SystemExit("image: there is none yet: make image")
    drive, plug = flash(CACHE / "flash.img"), stick(CACHE / "stick.img")
    sys.stderr.write((__doc__ or "").partition("\n\n")[2])
    words = command(drive, *("-serial", "mon:stdio"), *plug)
    os.execvp(words[0], words)


if __name__ == "__main__":
    main()
