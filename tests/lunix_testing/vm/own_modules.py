"""Modules that Debian's kernel is built without, built from Debian's own source and headers, and kept in the cache.

``apt-get download`` brings them; nothing is installed. The source is 138 MB, of which one file is kept.
"""

import shutil
import subprocess
import tarfile
from pathlib import Path

from lunix_testing.vm.debian import Apt, cache_folder, locked, unpack, work_folder

TEST_POWER = "drivers/power/supply/test_power.c"
_KEPT = "modules"


def build(source: str) -> bytes:
    """The module of one file of the kernel's source, for the guest's kernel.

    RuntimeError where the archive has no headers for that kernel any more: then remove the cache, and take a newer one.
    """
    cache = cache_folder()
    with locked(cache):
        release = unpack(cache).release
        kept = cache / _KEPT / release / f"{Path(source).stem}.ko"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            with work_folder(cache) as work:
                _build(work, release, source).rename(kept)
        return kept.read_bytes()


def _build(work: Path, release: str, source: str) -> Path:
    version, _, flavour = release.rpartition("-")
    series = ".".join(release.split(".")[:2])
    apt = Apt(work)
    headers = work / "headers"
    for package in (f"linux-headers-{release}", f"linux-headers-{version}-common", f"linux-kbuild-{series}"):
        apt.unpack(package, work / package)
        shutil.copytree(work / package, headers, symlinks=True, dirs_exist_ok=True)
    module = work / "module"
    module.mkdir()
    apt.unpack(f"linux-source-{series}", work / "source")
    _one_file(next((work / "source").glob("usr/src/*.tar.xz")), source, module)
    (module / "Makefile").write_text(f"obj-m := {Path(source).stem}.o\n")
    tree = headers / "usr/src" / f"linux-headers-{release}"
    # It is made to be installed.
    makefile = tree / "Makefile"
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{headers}/usr/src/"))
    made = subprocess.run(
        ("make", "-C", str(tree), f"M={module}", "modules"), capture_output=True, text=True, timeout=300, check=False
    )
    if made.returncode != 0:
        raise RuntimeError(f"{source} for {release} ({flavour}) cannot be built: {made.stdout}{made.stderr}")
    return module / f"{Path(source).stem}.ko"


def _one_file(archive: Path, source: str, target: Path) -> None:
    with tarfile.open(archive, "r|xz") as members:
        for member in members:
            if member.name.partition("/")[2] == source:
                content = members.extractfile(member)
                assert content is not None
                (target / Path(source).name).write_bytes(content.read())
                return
    raise RuntimeError(f"{archive.name} has no {source}")
