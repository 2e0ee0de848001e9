"""What the guest's root holds: Debian's busybox, this interpreter, the project's dependencies, and the project.

The guest's ``/opt/lunix`` is a virtual environment like the one that runs the tests, on a copy of the same interpreter
with the host's C library: so the extensions of the wheels match by construction, whatever build of Python the host has.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from lunix_testing.vm import libraries, modules
from lunix_testing.vm.debian import PROJECT, Debian
from lunix_testing.vm.distributions import installed_files, read_project, required
from lunix_testing.vm.layer import Layer, files_below

GUEST_SOURCES = Path(__file__).parent / "guest"
ENVIRONMENT = "opt/lunix"
_PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
_STANDARD_LIBRARY = f"usr/{sys.platlibdir}/{_PYTHON}"
_SITE_PACKAGES = f"{ENVIRONMENT}/lib/{_PYTHON}/site-packages"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"

_FOLDERS = (
    *("dev", "etc/lunix", "home/user", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys"),
    *("usr/bin", "usr/sbin", "usr/lib64", "usr/share", "usr/lib/modules", "var/lib", "var/log"),
)
_MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
# Programs of the host that busybox has not or has too simple.
_PROGRAMS = ("modprobe", "insmod", "rmmod", "depmod", "lsmod", "blkid", "mkfs.ext4", "mkfs.vfat", "fsck", "fsck.ext4")
_UNWANTED_LIBRARY_PARTS = (
    *("__pycache__", "site-packages", "dist-packages", "test", "idlelib", "lib2to3", "ensurepip"),
    *("tkinter", "turtledemo", "pydoc_data", f"config-{sys.version_info.major}.{sys.version_info.minor}"),
    f"config-{sys.version_info.major}.{sys.version_info.minor}-x86_64-linux-gnu",
)
_USERS = {"root": (0, 0, "/root"), "nobody": (65534, 65534, "/"), "user": (1000, 1000, "/home/user")}
_GROUPS = {
    "root": 0,
    "tty": 5,
    "disk": 6,
    "lp": 7,
    "kmem": 15,
    "dialout": 20,
    "cdrom": 24,
    "floppy": 25,
    "audio": 29,
    "video": 44,
    "plugdev": 46,
    "users": 100,
    "input": 104,
    "kvm": 105,
    "render": 106,
    "user": 1000,
    "nogroup": 65534,
}


def base_layer(debian: Debian) -> Layer:
    """Everything but the project itself; changes when the environment or the kernel does."""
    layer = Layer(folders=dict.fromkeys(_FOLDERS, 0o755) | {"tmp": 0o1777}, links=dict(_MERGED))
    _add_busybox(layer, debian)
    _add_python(layer)
    _add_dependencies(layer)
    _add_modules(layer, debian)
    for package in debian.hardware_ids:
        for folder in ("hwdata", "misc"):
            layer.add_tree(f"usr/share/{folder}", package / "usr/share" / folder)
    for program in _PROGRAMS:
        layer.sources[f"usr/sbin/{program}"] = _program(program)
    _add_configuration(layer)
    return layer


def complete_base(debian: Debian, root: Path) -> None:
    """Add what follows from the written base root: the shared libraries and the index of the modules."""
    objects = [
        path
        for folder in ("usr", "opt")
        for path in files_below(root / folder, frozenset())
        if _may_be_elf(path) and libraries.is_elf(path)
    ]
    for soname, source in libraries.needed(objects).items():
        name = soname.lstrip("/") if soname.startswith("/") else f"{_LIBRARIES}/{soname}"
        target = root / name
        if not source.is_relative_to(root) and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    subprocess.run([_program("depmod"), "-b", root, debian.release], check=True)


def project_layer() -> Layer:
    """The tree's packages, programs and units, and the harness's own guest programs."""
    project = read_project(PROJECT)
    layer = Layer()
    for package in project.packages:
        layer.add_tree(f"{_SITE_PACKAGES}/{package.name}", package)
    for name, target in project.scripts.items():
        module, _, function = target.partition(":")
        if any(module.partition(".")[0] == package.name for package in project.packages):
            layer.texts[f"{ENVIRONMENT}/bin/{name}"] = (_script(module, function), 0o755)
    layer.add_tree("usr/share/lunix/units", PROJECT / "init/units")
    for name, target in (
        ("agent-init.sh", "usr/sbin/agent-init"),
        ("agent.sh", "usr/lib/lunix-vm/agent"),
    ):
        layer.texts[target] = ((GUEST_SOURCES / name).read_text(), 0o755)
    for name in ("agent.py", "uevents.py"):
        layer.texts[f"usr/lib/lunix-vm/{name}"] = ((GUEST_SOURCES / name).read_text(), 0o644)
    return layer


def _script(module: str, function: str) -> str:
    return f"#!/{ENVIRONMENT}/bin/python3\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"


def _program(name: str) -> Path:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise RuntimeError(f"the program {name} is missing on this machine")
    return Path(found)


def _add_busybox(layer: Layer, debian: Debian) -> None:
    layer.sources["usr/bin/busybox"] = debian.busybox
    listed = subprocess.run([debian.busybox, "--list"], capture_output=True, text=True, check=True)
    for applet in listed.stdout.split():
        if applet != "busybox":
            layer.links[f"usr/bin/{applet}"] = "busybox"


def _add_python(layer: Layer) -> None:
    # sys._base_executable is what venv itself uses to find the interpreter behind an environment.
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    layer.sources[f"usr/bin/{_PYTHON}"] = interpreter
    layer.links["usr/bin/python3"] = _PYTHON
    layer.add_tree(_STANDARD_LIBRARY, Path(sysconfig.get_path("stdlib")), without=_UNWANTED_LIBRARY_PARTS)
    layer.texts[f"{ENVIRONMENT}/pyvenv.cfg"] = ("home = /usr/bin\n", 0o644)
    for name in ("python", "python3", _PYTHON):
        layer.links[f"{ENVIRONMENT}/bin/{name}"] = f"/usr/bin/{_PYTHON}"


def _add_dependencies(layer: Layer) -> None:
    for name, source in installed_files(required(read_project(PROJECT).requirements)):
        layer.sources[os.path.normpath(f"{_SITE_PACKAGES}/{name}")] = source


def _add_modules(layer: Layer, debian: Debian) -> None:
    target = f"usr/lib/modules/{debian.release}"
    known = modules.parse_dependencies((debian.modules / "modules.dep").read_text())
    wanted = (*modules.BOOT_MODULES, *modules.IMAGE_MODULES)
    for path in modules.closure(wanted, known):
        layer.sources[f"{target}/{path}"] = debian.modules / path
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        layer.sources[f"{target}/{name}"] = debian.modules / name


def _add_configuration(layer: Layer) -> None:
    users = [f"{name}:x:{uid}:{gid}::{home}:/bin/sh" for name, (uid, gid, home) in _USERS.items()]
    groups = [f"{name}:x:{gid}:" for name, gid in _GROUPS.items()]
    files = {
        "passwd": "\n".join(users) + "\n",
        "group": "\n".join(groups) + "\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "shells": "/bin/sh\n",
        "os-release": 'ID=lunix-vm\nNAME="lunix test machine"\n',
        "inittab": "::sysinit:/bin/true\n::ctrlaltdel:/bin/reboot\n::shutdown:/bin/sync\n",
        "fstab": "",
    }
    layer.texts.update({f"etc/{name}": (text, 0o644) for name, text in files.items()})


def _may_be_elf(path: Path) -> bool:
    return not path.is_symlink() and (".so" in path.name or os.access(path, os.X_OK))
