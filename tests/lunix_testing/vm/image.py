"""The bootable image: kernel, initramfs and the two layers of the root, each cached by a hash of its contents."""

import hashlib
import lzma
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lunix_testing.vm import cpio, modules
from lunix_testing.vm.debian import Debian, cache_folder, locked, unpack, work_folder
from lunix_testing.vm.guest_root import GUEST_SOURCES, base_layer, complete_base, project_layer
from lunix_testing.vm.kernel import plain_kernel
from lunix_testing.vm.layer import prune, squashed

_FOLDERS = ("base", "bin", "dev", "modules", "proc", "project", "root", "rw", "sys")
_APPLETS = (*("cat", "chroot", "cp", "insmod", "mkdir", "mkfifo", "mount", "sh", "switch_root", "umount", "usleep"),)


@dataclass(frozen=True)
class Image:
    """The files that QEMU boots from, shared by all machines and never written; ``release`` is the kernel's."""

    release: str
    kernel: Path
    initramfs: Path
    base: Path
    project: Path


def build_image() -> Image:
    """Return the image of the tree as it is now.

    Downloads Debian's packages at first (70 MB); then a changed environment costs some seconds and a changed project
    less than one. RuntimeError when apt or a program of the host is missing.
    """
    cache = cache_folder()
    with locked(cache):
        debian = unpack(cache)
        return Image(
            release=debian.release,
            kernel=_kernel(debian, cache),
            initramfs=_initramfs(debian, cache),
            base=squashed("base", base_layer(debian), cache, partial(complete_base, debian)),
            project=squashed("project", project_layer(), cache),
        )


def _kernel(debian: Debian, cache: Path) -> Path:
    path = cache / f"vmlinux-{debian.release}"
    if not path.exists():
        plain = plain_kernel(debian.vmlinuz.read_bytes())
        if plain is None:
            return debian.vmlinuz
        _write_whole(path, plain)
    return path


def _write_whole(path: Path, content: bytes) -> None:
    with work_folder(path.parent) as work:
        (work / path.name).write_bytes(content)
        (work / path.name).rename(path)


def _initramfs(debian: Debian, cache: Path) -> Path:
    content = cpio.archive(_initramfs_entries(debian))
    path = cache / f"initramfs-{hashlib.blake2b(content, digest_size=12).hexdigest()}.cpio"
    if not path.exists():
        _write_whole(path, content)
    path.touch()
    prune(cache, "initramfs-*.cpio")
    return path


def _initramfs_entries(debian: Debian) -> list[cpio.Entry]:
    known = modules.parse_dependencies((debian.modules / "modules.dep").read_text())
    order = modules.closure(modules.BOOT_MODULES, known)
    names = [f"{modules.module_name(path)}.ko" for path in order]
    return [
        *(cpio.folder(name) for name in _FOLDERS),
        cpio.file("init", (GUEST_SOURCES / "init.sh").read_bytes(), 0o755),
        cpio.file("bin/busybox", debian.busybox.read_bytes(), 0o755),
        *(cpio.link(f"bin/{applet}", "busybox") for applet in _APPLETS),
        *(cpio.file(f"modules/{name}", _plain(debian.modules / path)) for name, path in zip(names, order, strict=True)),
        cpio.file("modules/order", "".join(f"{name}\n" for name in names).encode()),
    ]


def _plain(module: Path) -> bytes:
    """The module without compression: busybox's insmod knows none."""
    content = module.read_bytes()
    return lzma.decompress(content) if module.suffix == ".xz" else content
