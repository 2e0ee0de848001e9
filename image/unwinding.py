"""Libraries without the tables by which a stack is unwound: a tenth of the library of pydantic, packed.

Rust unwinds after a panic, a bug of pydantic_core, which PyO3 makes an exception. Without tables a panic tells what it
was and ends the process, as that exception would: it is no `Exception`. lunix-init starts a daemon anew.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

from image.place import HERE, run

_SECTIONS = (b".eh_frame", b".eh_frame_hdr", b".gcc_except_table")


def leave_out_of(site: Path, target: Path) -> None:
    """Put the libraries of a folder of wheels below another, or in their own place, without tables and symbols."""
    for path in (*site.glob("pydantic_core/*.so"), *site.glob("*.libs/*")):
        library = target / path.relative_to(site)
        library.parent.mkdir(exist_ok=True)
        if path.name.startswith("libgcc_s"):
            stand_in(library)
        else:
            run("strip", "-o", library, path)
            leave_out(library, library)


def leave_out(library: Path, target: Path) -> None:
    """Copy a library with zeros in the place of its tables: where anything lies stays as it was linked."""
    content = bytearray(library.read_bytes())
    for name, at, size in sections(content):
        if name in _SECTIONS:
            content[at : at + size] = bytes(size)
    target.write_bytes(content)


def sections(content: bytes | bytearray) -> Iterator[tuple[bytes, int, int]]:
    """Yield the sections of a program or library of 64 bits: name, where in the file, and bytes; see elf(5)."""
    (at,) = struct.unpack_from("<Q", content, 0x28)
    size, number, names = struct.unpack_from("<3H", content, 0x3A)
    # What an Elf64_Shdr says first: name, type, flags, address, offset, size.
    headers = [struct.unpack_from("<2I4Q", content, at + size * index) for index in range(number)]
    for name, *_, offset, length in headers:
        start = headers[names][4] + name
        yield bytes(content[start : content.index(b"\0", start)]), offset, length


def stand_in(target: Path) -> None:
    """Make the library of unwinding that says that there are no tables."""
    run(
        HERE / "cc",
        "-Os",
        "-shared",
        "-nostartfiles",
        "-s",
        "-o",
        target,
        HERE / "unwind.c",
        env={"LUNIX_HEADERS": "/"},
    )
