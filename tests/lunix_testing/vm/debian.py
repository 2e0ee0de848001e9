"""The parts of the guest that come from Debian's archive, unpacked into the cache and never installed.

``apt-get download`` and ``dpkg-deb -x`` need no root. What is in the cache is used as it is: a newer kernel in the
archive is taken only after the cache has been removed.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
_META_PACKAGE = "linux-image-amd64"
_WORK_PREFIX = "work-"
_UNPACKED_PACKAGES = ("busybox-static", "hwdata", "usb.ids", "pci.ids")


@dataclass(frozen=True)
class Debian:
    """Folders of unpacked packages, each a root of its own."""

    kernel: Path
    busybox_static: Path
    hardware_ids: tuple[Path, ...]

    @property
    def modules(self) -> Path:
        """The folder of the kernel's modules, with modules.dep."""
        return _modules_folder(self.kernel)

    @property
    def release(self) -> str:
        """The kernel's release, as ``uname -r`` says it in the guest."""
        return self.modules.name

    @property
    def busybox(self) -> Path:
        """The static program."""
        return next(self.busybox_static.glob("**/bin/busybox"))

    @property
    def vmlinuz(self) -> Path:
        """The bootable kernel."""
        return self.kernel / "boot" / f"vmlinuz-{self.release}"


def cache_folder() -> Path:
    """Where everything that is expensive to make is kept: ``$LUNIX_CACHE/vm`` or ``.cache/vm`` in the tree."""
    chosen = os.environ.get("LUNIX_CACHE")
    folder = (Path(chosen) if chosen else PROJECT / ".cache") / "vm"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold the folder's lock: test runs at the same time share one cache."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left_over in folder.glob(f"{_WORK_PREFIX}*"):
            shutil.rmtree(left_over)
        yield


@contextmanager
def work_folder(folder: Path) -> Generator[Path]:
    """A folder for what is not complete yet, on the file system of the cache; a killed run's is removed by the next."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=_WORK_PREFIX) as name:
        yield Path(name)


def unpack(cache: Path) -> Debian:
    """Return the packages, after downloading those that the cache lacks; the caller holds the lock."""
    folder = cache / "debian"
    folder.mkdir(exist_ok=True)
    missing = [name for name in _UNPACKED_PACKAGES if not (folder / name).is_dir()]
    kernels = sorted(folder.glob("linux-image-*"))
    if missing or not kernels:
        with work_folder(cache) as work:
            apt = Apt(work)
            for name in [*missing, *([] if kernels else [apt.kernel_package()])]:
                apt.unpack(name, folder / name)
        kernels = sorted(folder.glob("linux-image-*"))
    _index_modules(kernels[-1])
    busybox, *ids = [folder / name for name in _UNPACKED_PACKAGES]
    return Debian(kernels[-1], busybox, tuple(ids))


class Apt:
    """The machine's package sources with lists of their own in a work folder.

    The machine's own lists may be absent, as in most container images, or name versions that the archive has replaced;
    bringing them up to date would need root.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (work / folder).mkdir(parents=True)
        self._run("apt-get", "update")

    def kernel_package(self) -> str:
        """The package of the newest kernel."""
        record = self._run("apt-cache", "show", "--no-all-versions", _META_PACKAGE)
        found = re.search(r"^Depends:.*?\b(linux-image-[0-9][^\s,]*)", record, re.MULTILINE)
        if found is None:
            raise RuntimeError(f"{_META_PACKAGE} names no kernel: {record}")
        return found[1]

    def unpack(self, package: str, target: Path) -> None:
        """Download a package and unpack it into a folder that does not exist yet."""
        self._run("apt-get", "download", package)
        (archive,) = self._work.glob("*.deb")
        root = self._work / "root"
        subprocess.run(["dpkg-deb", "-x", archive, root], check=True)
        archive.unlink()
        root.rename(target)

    def _run(self, program: str, command: str, *arguments: str) -> str:
        state, cache = self._work / "state", self._work / "cache"
        options = (f"Dir::State={state}", f"Dir::Cache={cache}", "APT::Sandbox::User=root")
        done = subprocess.run(
            [program, command, "-q", *(word for each in options for word in ("-o", each)), *arguments],
            cwd=self._work,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program} {command} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout


def _index_modules(kernel: Path) -> None:
    """Make modules.dep, which Debian's packages leave to depmod at installation."""
    modules = _modules_folder(kernel)
    if not (modules / "modules.dep").exists():
        depmod = shutil.which("depmod", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if depmod is None:
            raise RuntimeError("depmod is missing: install kmod")
        subprocess.run([depmod, "-b", modules.parents[2], modules.name], check=True)


def _modules_folder(kernel: Path) -> Path:
    # Packages since the merge of /lib into /usr have it below /usr.
    (folder,) = (*kernel.glob("lib/modules/*"), *kernel.glob("usr/lib/modules/*"))
    return folder
