"""Build the image: `python -m image`."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from image import fetch, root
from image.place import CACHE, HERE, IMAGE, locked, run, step


def main() -> None:
    """Make what has changed, and print what takes what."""
    with locked():
        kernel, musl, python, busybox = _kernel(), _musl(), _python(), _busybox()
        with tempfile.TemporaryDirectory(dir=CACHE, prefix="work-") as name:
            work = Path(name)
            (work / "root").mkdir()
            root.fill(work / "root", musl, python, busybox)
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


def _musl() -> Path:
    script, source = HERE / "musl.sh", fetch.source("musl")
    return step("musl", (script, source.name), lambda out: run("sh", "-c", script.read_text(), script, source, out))


def _python() -> Path:
    script, sources = HERE / "python.sh", [fetch.source(name) for name in ("python3.13", "libffi")]
    asked = CACHE / "asked"
    asked.write_text(f"{{ {'; '.join(_asked())}; }};\n")
    made_from = (script, HERE / "cc", HERE / "settle.c", asked, *(source.name for source in sources))
    return step(
        "python",
        made_from,
        lambda out: run("sh", "-c", script.read_text(), script, *sources, asked, out, env=_headers()),
    )


def _asked() -> list[str]:
    """What libraries and ctypes ask of the interpreter by name: nothing else is exported, or kept for that."""
    names = {"PyOS_*"}
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="work-") as work:
        for wheel in fetch.wheels():
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    if ".cpython-" in member:
                        words = ("nm", "-D", "--undefined-only", archive.extract(member, work))
                        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
                        names.update(name for name in told if name.startswith(("Py", "_Py")))
    return sorted(names)


def _busybox() -> Path:
    script, config, source = HERE / "busybox.sh", HERE / "busybox.config", fetch.source("busybox")
    return step(
        "busybox",
        (script, HERE / "cc", config, source.name),
        lambda out: run("sh", "-c", script.read_text(), script, source, config, out, env=_headers()),
    )


if __name__ == "__main__":
    main()
