"""A layer of the guest's root: what it consists of, its fingerprint, and its squashfs file in the cache."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lunix_testing.vm.debian import work_folder

# The nodes that exist before any /dev is mounted: mksquashfs makes them without root.
_DEVICE_NODES = (
    *("dev/console c 600 0 0 5 1", "dev/tty c 666 0 0 5 0", "dev/null c 666 0 0 1 3"),
    *("dev/zero c 666 0 0 1 5", "dev/full c 666 0 0 1 7"),
    *("dev/random c 666 0 0 1 8", "dev/urandom c 666 0 0 1 9"),
)
_KEPT_FILES = 6


@dataclass
class Layer:
    """Paths below the guest's root: folders and texts with their modes, files of the host, symbolic links."""

    folders: dict[str, int] = field(default_factory=dict[str, int])
    sources: dict[str, Path] = field(default_factory=dict[str, Path])
    texts: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    links: dict[str, str] = field(default_factory=dict[str, str])

    def add_tree(self, target: str, source: Path, *, without: Iterable[str] = ("__pycache__",)) -> None:
        """Add every regular file below a folder; ``without`` names folders left out at any depth."""
        for path in files_below(source, frozenset(without)):
            self.sources[f"{target}/{path.relative_to(source)}"] = path

    def fingerprint(self) -> str:
        """A hash of all content, modes and names, the same wherever the sources lie."""
        digest = hashlib.blake2b(digest_size=12)
        for target in sorted(self.sources):
            source = self.sources[target]
            digest.update(f"file {target} {source.stat().st_mode & 0o111:o}\0".encode())
            digest.update(hashlib.blake2b(source.read_bytes()).digest())
        for rest in (sorted(self.texts.items()), sorted(self.links.items()), sorted(self.folders.items())):
            digest.update(repr(rest).encode())
        return digest.hexdigest()

    def write(self, root: Path) -> None:
        """Write the layer below a folder of the host, as the calling user."""
        for folder, mode in self.folders.items():
            (root / folder).mkdir(parents=True)
            (root / folder).chmod(mode)
        for target, link in self.links.items():
            _parents(root / target).symlink_to(link)
        for target, source in self.sources.items():
            shutil.copyfile(source, _parents(root / target))
            (root / target).chmod(0o755 if os.access(source, os.X_OK) else 0o644)
        for target, (text, mode) in self.texts.items():
            _parents(root / target).write_text(text)
            (root / target).chmod(mode)


def files_below(folder: Path, without: frozenset[str]) -> Iterator[Path]:
    """Regular files below a folder, links to them included, in a fixed order."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - without)
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_file():
                yield path


def squashed(kind: str, layer: Layer, folder: Path, complete: Callable[[Path], None] = lambda root: None) -> Path:
    """Return the layer's squashfs file in the folder, made now unless one of this content is there.

    ``complete`` adds to the written root what follows from it alone. The caller holds the folder's lock.
    """
    while not (image := folder / f"{kind}-{layer.fingerprint()}.squashfs").exists():
        with work_folder(folder) as work:
            root = work / "root"
            root.mkdir()
            layer.write(root)
            complete(root)
            _compile(root)
            _squash(root, work / "image")
            # Somebody may have edited a source meanwhile: then this is an image of neither state.
            if image.name == f"{kind}-{layer.fingerprint()}.squashfs":
                (work / "image").rename(image)
    image.touch()
    prune(folder, f"{kind}-*.squashfs")
    return image


def prune(folder: Path, pattern: str) -> None:
    """Keep the files used last; a machine that runs on a removed one keeps it open."""
    by_use = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime_ns)
    for old in by_use[:-_KEPT_FILES]:
        old.unlink()


def _parents(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _compile(root: Path) -> None:
    """Compile all Python: emulated, compiling takes longer than booting.

    Unchecked hashes spare the guest one stat of the source for each import. A file that does not compile fails where
    it is imported, not here.
    """
    subprocess.run(
        [
            *(sys.executable, "-I", "-m", "compileall", "-q", "-j", "0"),
            *("--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/", str(root)),
        ],
        check=False,
        capture_output=True,
    )


def _squash(root: Path, image: Path) -> None:
    """Without compression: reading is faster emulated, and the file is made in a second."""
    nodes = [word for node in _DEVICE_NODES for word in ("-p", node)] if (root / "dev").is_dir() else []
    subprocess.run(
        [
            *("mksquashfs", str(root), str(image), "-noappend", "-all-root", "-no-xattrs"),
            *("-noI", "-noD", "-noF", "-noX", "-no-progress", "-quiet", *nodes),
        ],
        check=True,
        capture_output=True,
    )
