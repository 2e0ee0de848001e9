"""The BR2_EXTERNAL tree, as far as it can be held without Buildroot; ``buildroot/check`` does the rest with one."""

import re
import subprocess
from pathlib import Path

import pytest

from lunix_cli import daemons
from lunix_cli.shipping import units_init
from lunix_cli.shipping.needs import ROWS
from lunix_init import unit_dir
from lunix_testing import tree

BUILDROOT = tree.ROOT / "buildroot"
LUNIX = BUILDROOT / "package/lunix"
FITS = BUILDROOT / "board/flash/fits"
BOARD = BUILDROOT / "board/sama5d27-som1-ek"
PACKAGES = sorted((BUILDROOT / "package").iterdir())
DEFCONFIGS = sorted((BUILDROOT / "configs").iterdir())
TABLES = sorted(BUILDROOT.glob("board/*/flash.table"))

each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
each_defconfig = pytest.mark.parametrize("defconfig", DEFCONFIGS, ids=lambda path: path.name)


def variables(package: Path) -> dict[str, str]:
    """The plain assignments of a package's makefile, without the prefix of its name."""
    prefix = package.name.upper().replace("-", "_")
    text = (package / f"{package.name}.mk").read_text(encoding="utf-8").replace("\\\n", " ")
    return {name: " ".join(value.split()) for name, value in re.findall(rf"(?m)^{prefix}_(\w+) =(.*)$", text)}


def symbols() -> dict[str, str]:
    """The text below each symbol of lunix's Config.in."""
    text = (LUNIX / "Config.in").read_text(encoding="utf-8")
    parts = re.split(r"(?m)^(?:menu)?config BR2_PACKAGE_LUNIX", text)[1:]
    return {part.split("\n", 1)[0].removeprefix("_"): part.split("\n", 1)[1] for part in parts}


def hashes(package: Path) -> dict[str, str]:
    lines = (package / f"{package.name}.hash").read_text(encoding="utf-8").splitlines()
    rows = [line.split("  ") for line in lines if not line.startswith("#")]
    assert all(row[0] == "sha256" and re.fullmatch(r"[0-9a-f]{64}", row[1]) for row in rows)
    return {row[2]: row[1] for row in rows}


@each_package
def test_every_archive_and_every_licence_has_a_hash(package: Path) -> None:
    given = variables(package)
    files = {given["LICENSE_FILES"]}
    if given.get("SITE_METHOD") != "local":
        files.add(re.sub(r"\$\(\w+_VERSION\)", given["VERSION"], given["SOURCE"]))
    assert set(hashes(package)) == files
    assert given["LICENSE"]


@each_package
def test_every_package_is_in_the_menu(package: Path) -> None:
    menu = (BUILDROOT / "Config.in").read_text(encoding="utf-8")
    assert f'source "$BR2_EXTERNAL_LUNIX_PATH/package/{package.name}/Config.in"' in menu


def test_the_package_is_of_the_version_and_licence_around_it() -> None:
    project, given = tree.project()["project"], variables(LUNIX)
    assert (given["VERSION"], given["LICENSE"]) == (project["version"], project["license"])
    done = subprocess.run(("sha256sum", tree.ROOT / "LICENSE"), capture_output=True, text=True, timeout=60, check=True)
    assert hashes(LUNIX)["LICENSE"] == done.stdout.split()[0]


def test_the_client_is_of_the_version_that_is_pinned() -> None:
    version = variables(BUILDROOT / "package/python-nats-py")["VERSION"]
    assert f"nats-py=={version}" in tree.project()["project"]["dependencies"]


def test_every_declared_daemon_has_an_option_a_unit_and_is_removed_without_them() -> None:
    declared = set(daemons.names()) - {"init"}
    assert declared == set(variables(LUNIX)["DAEMONS"].split())
    assert {name.upper() for name in declared} | {"", "INIT", "BUS", "KEYS"} == set(symbols())
    assert declared | {"init"} == {path.stem for path in (LUNIX / "units").iterdir()}


def test_every_option_says_what_it_is() -> None:
    for name, text in symbols().items():
        assert re.search(r'bool "[^"]+"', text), name
        assert "\thelp\n\t  " in text, name


@pytest.mark.parametrize(
    ("option", "package"),
    [
        ("", "PYTHON_NATS_PY"),
        ("", "PYTHON_PYDANTIC"),
        ("KEYS", "PYTHON_NKEYS"),
        ("BLUETOOTH", "PYTHON_DBUS_FAST"),
        ("MQTT", "PYTHON_PAHO_MQTT"),
        ("WEBSOCKET", "PYTHON_WEBSOCKETS"),
    ],
)
def test_an_option_brings_what_it_imports(option: str, package: str) -> None:
    assert f"\tselect BR2_PACKAGE_{package} # runtime\n" in symbols()[option]


def test_the_units_are_those_of_the_table() -> None:
    for path in (LUNIX / "units").iterdir():
        assert path.read_text(encoding="utf-8") == units_init.unit(ROWS[path.stem]), path.name


def test_lunix_init_takes_the_units_of_an_image(tmp_path: Path) -> None:
    system = tree.ROOT / "init/units/system"
    units = [LUNIX / "embedded/bus.toml", *(LUNIX / "units").iterdir()]
    for path in (*units, *(system / f"{name}.toml" for name in ("console", "mounts", "modules"))):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    errors, _ = unit_dir.check([str(tmp_path)])
    assert errors == []


@each_defconfig
def test_what_a_defconfig_names_of_this_tree_is_there(defconfig: Path) -> None:
    named = re.findall(r"\$\(BR2_EXTERNAL_LUNIX_PATH\)/([^\s\"]+)", defconfig.read_text(encoding="utf-8"))
    assert len(named) >= 4
    assert [path for path in named if not (BUILDROOT / path).exists()] == []


@each_defconfig
def test_a_machine_is_small_and_started_by_lunix_init(defconfig: Path) -> None:
    lines = defconfig.read_text(encoding="utf-8").splitlines()
    for symbol in ("TOOLCHAIN_BUILDROOT_MUSL", "INIT_NONE", "PACKAGE_LUNIX", "DOWNLOAD_FORCE_CHECK_HASHES"):
        assert f"BR2_{symbol}=y" in lines
    assert not {f"BR2_PACKAGE_LUNIX_{name}=y" for name in ("KEYS", "WEBSOCKET")} & set(lines)


def places() -> dict[str, tuple[int, int]]:
    """Offset and size of each partition of the board's flash, of its table."""
    lines = (BOARD / "flash.table").read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if not line.startswith("#")]
    return {row[0]: (int(row[1], 0), int(row[2], 0)) for row in rows}


def test_the_partitions_fill_the_flash_without_a_gap_on_whole_blocks() -> None:
    end = 0
    for offset, size in places().values():
        assert offset == end
        assert size % 0x10000 == 0
        end += size
    assert end == 8 << 20


def test_the_device_tree_has_the_same_partitions() -> None:
    text = next((BOARD / "dts").rglob("*.dts")).read_text(encoding="utf-8")
    found = re.findall(r'partition@(\w+) \{\s+label = "(\w+)";\s+reg = <(\w+) (\w+)>;', text)
    assert {label: (int(offset, 0), int(size, 0)) for _, label, offset, size in found} == places()
    assert all(int(unit, 16) == int(offset, 0) for unit, _, offset, _ in found)


def test_the_image_of_the_flash_has_the_same_partitions() -> None:
    text = (BOARD / "genimage.cfg").read_text(encoding="utf-8")
    found = re.findall(r'partition (\w+) \{\s+offset = (\w+)\s+size = (\w+)\s+image = "([^"]+)"', text)
    assert {name: (int(offset, 0), int(size, 0)) for name, offset, size, _ in found} == places()
    table = (BOARD / "flash.table").read_text(encoding="utf-8")
    assert {file for *_, file in found} == {line.split()[3] for line in table.splitlines() if line[:1] != "#"}


def test_the_boot_loader_reads_from_the_same_places_and_names_the_right_root() -> None:
    text = (BOARD / "uboot.fragment").read_text(encoding="utf-8")
    read = [(int(offset, 0), int(size, 0)) for offset, size in re.findall(r"sf read \w+ (\w+) (\w+)", text)]
    assert read == [places()["dtb"], places()["kernel"]]
    assert f"root=/dev/mtdblock{list(places()).index('root')} " in text


def fits(table: Path, images: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run((str(FITS), str(table), str(images)), capture_output=True, text=True, timeout=60, check=False)


def build(table: Path, images: Path, *, more: str = "") -> None:
    """Files that take all there is; ``more``: of this name a byte too much."""
    for line in table.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, _, size, joined = line.split()
        first, *others = joined.split("+")
        with (images / first).open("wb") as file:
            file.truncate(int(size, 0) - len(others) + (name == more))
        for other in others:
            (images / other).write_bytes(b"1")


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.parent.name)
def test_an_image_that_takes_all_there_is_fits(table: Path, tmp_path: Path) -> None:
    build(table, tmp_path)
    done = fits(table, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert " 0 left" in done.stdout


@pytest.mark.parametrize("name", ["at91bootstrap", "kernel", "root"])
def test_one_byte_more_than_a_partition_fails_the_build(name: str, tmp_path: Path) -> None:
    build(BOARD / "flash.table", tmp_path, more=name)
    done = fits(BOARD / "flash.table", tmp_path)
    assert done.returncode == 1
    assert f"fits: {name}: " in done.stderr
    assert ", 1 more than " in done.stderr


def test_kernel_and_root_count_together_where_they_share_a_bound(tmp_path: Path) -> None:
    table = BUILDROOT / "board/qemu-x86-64/flash.table"
    build(table, tmp_path)
    (tmp_path / "rootfs.squashfs").write_bytes(b"12")
    done = fits(table, tmp_path)
    assert done.returncode == 1
    assert "bzImage+rootfs.squashfs has 6291457 bytes" in done.stderr


def test_an_image_that_was_not_built_fails_the_build(tmp_path: Path) -> None:
    build(BOARD / "flash.table", tmp_path)
    (tmp_path / "zImage").unlink()
    done = fits(BOARD / "flash.table", tmp_path)
    assert done.returncode == 1
    assert "fits: kernel: zImage was not built" in done.stderr


@pytest.mark.parametrize("text", ["", "# nothing\n", "root 0 12\n", "root 0 12k file\n", "root 0 -1 file\n"])
def test_a_table_that_makes_no_sense_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "table").write_text(text, encoding="utf-8")
    assert fits(tmp_path / "table", tmp_path).returncode == 2
    assert fits(tmp_path / "away", tmp_path).returncode != 0


def test_the_build_runs_the_check_with_the_folder_of_the_board(tmp_path: Path) -> None:
    script = BUILDROOT / "board/flash/post-image.sh"
    board = TABLES[0].parent
    build(board / "flash.table", tmp_path)
    arguments = (str(script), str(tmp_path), str(board))
    assert subprocess.run(arguments, capture_output=True, timeout=60, check=False).returncode == 0
    build(board / "flash.table", tmp_path, more="image")
    assert subprocess.run(arguments, capture_output=True, timeout=60, check=False).returncode == 1
