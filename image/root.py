"""The root of the image, and the file of kernel and root that is written to the flash."""

import json
import lzma
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from image import fetch, unwinding
from image.place import HERE, IMAGE, TABLE, TREE, run

KERNEL_BYTES = 1648 * 1024
"""The kernel's partition; kernel.config names it too."""
MOST_BYTES = 6_291_456
FOLDERS = ("dev", "etc", "media", "proc", "root", "run", "settings", "sys", "tmp", "usr/bin", "usr/lib", "var")
DAEMONS = (
    "lunix_bus",
    "lunix_natsdev",
    "lunix_mount",
    "lunix_network",
    "lunix_log",
    "lunix_ps",
    "lunix_toast",
    "lunix_mqtt",
)
COMMANDS = ("init", "pub", "request", "status", "sub", "subjects")
SCHEMAS = ("hardware", "init", "log", "mount", "mqtt", "network", "process", "toast")
_LIBRARY = "usr/lib/python3.13"
WANTED = (
    *(f"{name}.__main__" for name in (*DAEMONS, "lunix_cli", "lunix_init", "lunix_init_bus", "lunix_stick")),
    *(f"lunix_cli.{name}" for name in COMMANDS),
    # What is imported by a name that is put together.
    *(f"lunix_common.schemas.{name}" for name in SCHEMAS),
    *("lunix_common.without_ssl", "lunix_made", "lunix_packed", "lunix_warm_up"),
    *("lunix_init.keep", "lunix_init.pid1", "lunix_init.zygote", "nats", "numbers", "pydantic", "site", "runpy"),
    "_sysconfigdata__linux_x86_64-linux-musl",
    *(f"encodings.{name}" for name in ("ascii", "idna", "latin_1", "utf_8")),
    # What is imported in the text of a program that another starts.
    "lunix_natsdev.probe_child",
)
_FIRST = (
    *("lunix_init.__main__", "lunix_init.pid1", "lunix_init.zygote"),
    *("asyncio", "concurrent.futures.thread", "pydantic", "lunix_common.bus.session"),
    *(f"{name}.__main__" for name in sorted((*DAEMONS, "lunix_init_bus", "lunix_stick"))),
    *("lunix_warm_up", "lunix_cli.__main__", "lunix_cli.sub"),
)
"""What is imported where time and memory are short, in this order: it finds its regular expressions compiled."""
_FILES = ("encodings/", "lunix_packed", "os.pyc")
"""What Python imports before lunix_packed, and by which it knows its library."""
_LAST = ("lunix_made.bin", "pydantic_core.libs/*")
_DATA = ("services/lunix_natsdev/manage/rules.toml",)
_PROGRAM = """\
#!/usr/bin/python3 -I
import sys
from {module}.__main__ import main
sys.exit(main())
"""


def fill(root: Path, musl: Path, python: Path, busybox: Path) -> None:
    """Put all that the root holds into a folder."""
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "sbin"):
        (root / name).symlink_to("usr/bin")
    (root / "lib").symlink_to("usr/lib")
    shutil.copytree(HERE / "files", root, symlinks=True, dirs_exist_ok=True)
    shutil.copy2(python / "bin/python3", root / "usr/bin/python3")
    shutil.copy2(musl / "ld-musl-x86_64.so.1", root / "usr/lib/")
    shutil.copy2(busybox / "busybox", root / "usr/bin/busybox")
    for applet in (busybox / "applets").read_text().split():
        (root / "usr/bin" / Path(applet).name).symlink_to("busybox")
    for name, module in (("lunix", "lunix_cli"), ("lunix-init", "lunix_init")):
        program = root / "usr/bin" / name
        program.write_text(_PROGRAM.format(module=module))
        program.chmod(0o755)
    _modules(root, python)


def _modules(root: Path, python: Path) -> None:
    """Compiled modules, and the library of pydantic."""
    for library in (python / "lib/python3.13", root / _LIBRARY):
        # Without this folder Python says at each start that it has not found it.
        (library / "lib-dynload").mkdir(parents=True, exist_ok=True)
    site, loose = root.parent / "site", root.parent / "modules"
    for wheel in fetch.wheels():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    program = str(python / "bin/python3")
    roots = (
        HERE / "lean",
        TREE,
        *(TREE / name for name in ("services", "init", "cli")),
        site,
        python / "lib/python3.13",
    )
    words = (program, "-I", "-S", HERE / "modules.py", HERE / "cut.txt", *roots, "--", *WANTED)
    listed = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True, check=True)
    compiler = (program, "-I", "-S", "-X", "no_debug_ranges", str(HERE / "compile.py"), str(loose))
    subprocess.run(compiler, input=listed.stdout, text=True, check=True)
    unwinding.leave_out_of(site, loose)
    _pack(loose, root / _LIBRARY, program)
    _settle_access(loose, root / "etc/lunix/bus", program)
    for name in _DATA:
        target = root / _LIBRARY / Path(name).relative_to("services")
        target.parent.mkdir(parents=True)
        shutil.copy2(TREE / name, target)


def _pack(loose: Path, library: Path, program: str) -> None:
    """The library of the image: most modules in one file, and what has to be files."""
    found = {path for path in loose.rglob("*") if path.is_file()}
    apart = {path for path in found if path.suffix != ".pyc" or str(path.relative_to(loose)).startswith(_FILES)}
    for path in apart:
        target = library / path.relative_to(loose)
        target.parent.mkdir(exist_ok=True)
        shutil.copy2(path, target)
    packer = (program, "-I", "-S", "-X", "no_debug_ranges", str(HERE / "made.py"), str(loose), str(library), *_FIRST)
    names = "\n".join(sorted(str(path.relative_to(loose)) for path in found - apart))
    subprocess.run(packer, input=names, text=True, check=True)


def _settle_access(loose: Path, state: Path, program: str) -> None:
    """Who may do what on the bus: on the board it cannot change, so it is computed here."""
    source = f"import sys; sys.path[:] = [{str(loose)!r}]; from lunix_bus.__main__ import main; main(sys.argv[1:])"
    run(program, "-I", "-S", "-c", source, "--state", state, "--no-tcp", "--check")
    # Of a page that this bus has not: a secret of whoever builds.
    for secret in state.glob("keys/*.token"):
        secret.unlink()


def write(root: Path, kernel: Path, target: Path) -> None:
    """The file of kernel and root."""
    squashfs, order = target.with_suffix(".squashfs"), target.with_suffix(".order")
    # What is smaller than a block shares one, of which the kernel keeps two unpacked: what is read first, and again and
    # again, is together in one.
    order.write_text("".join(f"{path} -1\n" for name in _LAST for path in root.glob(f"{_LIBRARY}/{name}")))
    run(
        *("mksquashfs", root, squashfs, "-noappend", "-all-root", "-no-xattrs", "-no-exports"),
        # The kernel keeps four blocks unpacked: of 1 MiB they would take 2 MiB more memory, and 110 KiB less flash.
        *("-comp", "zstd", "-Xcompression-level", "22", "-b", "512K"),
        *("-sort", order),
        *("-mkfs-time", "0", "-all-time", "0", "-processors", "2", "-no-progress"),
    )
    code = kernel.read_bytes()
    if len(code) > KERNEL_BYTES:
        raise SystemExit(f"image: the kernel has {len(code)} bytes, and its partition {KERNEL_BYTES}")
    target.write_bytes(code.ljust(KERNEL_BYTES, b"\xff") + squashfs.read_bytes())
    squashfs.unlink()
    order.unlink()


def table(root: Path, kernel: Path, image: Path) -> list[tuple[str, int, int]]:
    """What takes what: name, bytes, and bytes packed, each part packed alone (the root as a whole is smaller)."""
    library = root.parent / "modules"
    ours = sorted(path for path in library.glob("lunix_*"))
    others = [library / name for name in ("nats", "pydantic", "paho", "annotated_types", "typing_inspection")]
    others += [library / "typing_extensions.pyc", *library.glob("pydantic_core/*.pyc")]
    core = [*library.glob("pydantic_core/*.so"), library / "pydantic_core.libs"]
    known = {*ours, *others, *core, library / "pydantic_core"}
    parts: list[tuple[str, Sequence[Path]]] = [
        ("CPython", [root / "usr/bin/python3"]),
        ("musl", [root / "usr/lib/ld-musl-x86_64.so.1"]),
        ("busybox", [root / "usr/bin/busybox"]),
        ("standard library", [path for path in library.iterdir() if path not in known]),
        ("pydantic_core and libgcc_s", core),
        ("pydantic, nats-py, paho and the like", others),
        ("lunix", ours),
    ]
    rows = [(name, *_sizes(paths)) for name, paths in parts]
    return [
        ("kernel", kernel.stat().st_size, kernel.stat().st_size),
        *rows,
        ("root, packed as a whole", sum(raw for _, raw, _ in rows), image.stat().st_size - KERNEL_BYTES),
        ("kernel and root in one file", 0, image.stat().st_size),
    ]


def _sizes(paths: Iterable[Path]) -> tuple[int, int]:
    files = sorted(file for path in paths for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
    content = b"".join(file.read_bytes() for file in files)
    filters = [{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2, "preset": 9}]
    return len(content), len(lzma.compress(content, filters=filters))


def shown(rows: Iterable[tuple[str, int, int]]) -> str:
    """The table for a person."""
    lines = [f"{'':38}{'bytes':>12}{'packed':>12}"]
    lines += [
        f"{name:38}{raw or '':>12,}{packed:>12,}" if raw else f"{name:38}{'':>12}{packed:>12,}"
        for name, raw, packed in rows
    ]
    return "\n".join(lines)


def keep(rows: Sequence[tuple[str, int, int]], image: Path) -> None:
    """Take the image as the one to boot, with its table; refuse one that is too big."""
    if image.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{shown(rows)}\nimage: {image.stat().st_size} bytes are more than {MOST_BYTES}")
    TABLE.write_text(
        json.dumps([{"part": name, "bytes": raw, "packed_bytes": packed} for name, raw, packed in rows], indent=1)
    )
    image.replace(IMAGE)
