"""Build the image: `python -m image`."""

import subprocess
import sys
import tempfile
from pathlib import Path

from image import fetch, root
from image.place import CACHE, HERE, IMAGE, locked, run, step


def main() -> None:
    """Make what has changed, and print what takes what."""
    with locked():
        kernel, python, busybox = _kernel(), _python(), _busybox()
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="work-") as name:
            work = Path(name)
            (work / "root").mkdir()
            root.fill(work / "root", python, busybox)
            image = work / "lunix.img"
            root.write(work / "root", kernel / "bzImage", image)
            rows = root.table(work / "root", kernel / "bzImage", image)
            root.keep(rows, image)
    sys.stdout.write(f"{root.shown(rows)}\n{IMAGE}\n")


# A shell reads its script as it goes: each is given whole, so that a change of the tree in the meantime does no harm.


def _kernel() -> Path:
    script, config, source = HERE / "kernel.sh", HERE / "kernel.config", fetch.source("linux")
    return step(
        "kernel",
        (script, config, source.name),
        lambda out: run("sh", "-c", script.read_text(), script, source, config, out),
    )


def _headers() -> dict[str, str]:
    """What the kernel tells user space, which is the same for every C library: a folder of links to it, for `cc`."""
    folder = CACHE / "headers"
    multiarch = subprocess.run(("gcc", "--print-multiarch"), capture_output=True, text=True, check=True).stdout.strip()
    for path in ("linux", "asm-generic", "mtd", f"{multiarch}/asm"):
        link = folder / Path(path).name
        folder.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(Path("/usr/include", path))
    return {"LUNIX_HEADERS": str(folder)}


def _python() -> Path:
    script, sources = HERE / "python.sh", [fetch.source(name) for name in ("python3.13", "libffi")]
    made_from = (script, HERE / "cc", HERE / "settle.c", *(source.name for source in sources))
    return step(
        "python", made_from, lambda out: run("sh", "-c", script.read_text(), script, *sources, out, env=_headers())
    )


def _busybox() -> Path:
    script, config, source = HERE / "busybox.sh", HERE / "busybox.config", fetch.source("busybox")
    return step(
        "busybox",
        (script, HERE / "cc", config, source.name),
        lambda out: run("sh", "-c", script.read_text(), script, source, config, out, env=_headers()),
    )


if __name__ == "__main__":
    main()
