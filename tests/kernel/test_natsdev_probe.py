"""The parser against ``blkid -p``, on file systems that their own tools made: as image files and as loop devices."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from lunix_natsdev.os_blkdev import reread, whole_disk
from lunix_natsdev.os_spawn import Exit, Helpers
from lunix_natsdev.probe import Probed, Probes, trouble
from lunix_natsdev.probe_child import encode, examine, main
from lunix_testing import images
from lunix_testing.deadline import deadline

MIB = 1 << 20

# What makes each: the program, its size in MiB (0: the tool makes the file), its arguments; {} is the image.
MADE: dict[str, tuple[str, int, str]] = {
    "ext2": ("mkfs.ext2", 8, "-q -L my-ext2 {}"),
    "ext3": ("mkfs.ext3", 16, "-q -L été {}"),
    "ext4": ("mkfs.ext4", 16, "-q -L ext4 {}"),
    "journal": ("mke2fs", 8, "-q -O journal_dev {}"),
    "fat12": ("mkfs.vfat", 2, "-F12 -n FAT12L {}"),
    "fat16": ("mkfs.vfat", 32, "-F16 -n FAT16L {}"),
    "fat32": ("mkfs.vfat", 64, "-F32 -n FAT32L {}"),
    "fat without a label": ("mkfs.vfat", 32, "{}"),
    "exfat": ("mkfs.exfat", 16, "-L exé {}"),
    "ntfs": ("mkntfs", 16, "-F -q -f -L nté {}"),
    "btrfs": ("mkfs.btrfs", 128, "-q -L butter {}"),
    "xfs": ("mkfs.xfs", 300, "-q -L xfslabel {}"),
    "f2fs": ("mkfs.f2fs", 64, "-q -l flash-é {}"),
    "squashfs": ("mksquashfs", 0, "tree {} -quiet -no-progress"),
    "erofs": ("mkfs.erofs", 0, "{} tree"),
    "iso9660": ("genisoimage", 0, "-quiet -V MY_DISC -o {} tree"),
    "joliet": ("genisoimage", 0, "-quiet -J -V My-Disc-of-many-words -o {} tree"),
    "udf and iso9660": ("genisoimage", 0, "-quiet -udf -J -V Bridge -o {} tree"),
    "udf": ("mkudffs", 16, "--media-type=hd -l udfé {}"),
    "swap": ("mkswap", 1, "-L swappy {}"),
    "luks1": ("cryptsetup", 4, "-q luksFormat --type luks1 --pbkdf-force-iterations 1000 {} key"),
    "luks2": (
        "cryptsetup", 32,
        "-q luksFormat --type luks2 --label l2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 {} key",
    ),
    "gpt": ("sfdisk", 8, "-q {}"),
    "dos": ("sfdisk", 8, "-q {}"),
    "nothing": ("true", 1, ""),
}  # fmt: skip
SCRIPTS = {
    "gpt": 'label: gpt\n,1M,L,\nname="pärt",size=2M\n',
    "dos": "label: dos\n,1M,c\n,2M,83\n",
}
TAGS = ("TYPE", "USAGE", "VERSION", "LABEL", "UUID", "UUID_SUB", "PTTYPE", "PTUUID")


def make(kind: str, folder: Path) -> Path:
    program, size, arguments = MADE[kind]
    image = folder / "image"
    (folder / "tree").mkdir(exist_ok=True)
    (folder / "tree" / "hello").write_text("hello")
    (folder / "key").write_text("x")
    if size:
        with image.open("wb") as file:
            file.truncate(size * MIB)
    words = [str(image) if word == "{}" else word for word in arguments.split()]
    found = subprocess.run(
        [program, *words], cwd=folder, input=SCRIPTS.get(kind, ""), text=True, capture_output=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return image


def blkid(path: Path | str) -> dict[str, str]:
    """What ``blkid -p`` says, without the cache."""

    def tag(name: str) -> str:
        command = ("blkid", "-p", "-o", "value", "-s", name, str(path))
        return (
            subprocess.run(command, capture_output=True, check=False)
            .stdout.decode("utf-8", "backslashreplace")
            .rstrip("\n")
        )

    return {name: tag(name) for name in TAGS}


def ours(probed: Probed) -> dict[str, str]:
    fields = ("type", "usage", "version", "label", "uuid", "uuid_sub", "table", "table_uuid")
    return {tag: getattr(probed, field) or "" for tag, field in zip(TAGS, fields, strict=True)}


def expected(kind: str, path: Path | str) -> dict[str, str]:
    said = blkid(path)
    if kind == "exfat":
        # blkid before 2.40 takes exFAT's boot sector for a partition table too.
        said |= {"PTTYPE": "", "PTUUID": ""}
    return said


KINDS = [
    pytest.param(kind, marks=pytest.mark.requires(f"program:{program}", "program:blkid"))
    for kind, (program, *_) in MADE.items()
]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_image_is_what_blkid_says(kind: str, tmp_path: Path) -> None:
    image = make(kind, tmp_path)
    probed = await Probes().probe(str(image))
    assert probed is not None
    assert ours(probed) == expected(kind, image)


# What only the kernel or a volume manager makes, by its bytes.
RAW: dict[str, Callable[[], images.Disk]] = {
    "lvm2": images.lvm2,
    "md 0.90": images.raid_0,
    "md 0.90 of a big-endian machine": partial(images.raid_0, "big"),
    "md 1.0": partial(images.raid_1, 32 * MIB - 8192),
    "md 1.1": partial(images.raid_1, 0),
    "md 1.2": images.raid_1,
    "hibernated": partial(images.swap, b"S1SUSPEND\0"),
}


@pytest.mark.requires("program:blkid")
@pytest.mark.parametrize("kind", RAW)
async def test_a_member_of_a_volume_is_what_blkid_says(kind: str, tmp_path: Path) -> None:
    disk, image = RAW[kind](), tmp_path / "image"
    image.write_bytes(disk.pread(0, disk.size))
    probed = await Probes().probe(str(image))
    assert probed is not None
    assert ours(probed) == blkid(image)
    assert probed.type is not None


@pytest.fixture
def loop_device(tmp_path: Path) -> Iterator[Callable[[Path], str]]:
    attached: list[str] = []

    def attach(image: Path) -> str:
        found = subprocess.run(("losetup", "--find", "--show", str(image)), capture_output=True, text=True, check=True)
        attached.append(found.stdout.strip())
        return attached[-1]

    yield attach
    for device in attached:
        subprocess.run(("losetup", "--detach", device), check=True)


@pytest.mark.root
@pytest.mark.requires("loop", "program:blkid")
@pytest.mark.parametrize("kind", ["ext4", "fat32", "swap", "gpt"])
async def test_a_block_device_is_what_blkid_says(kind: str, tmp_path: Path, loop_device: Callable[[Path], str]) -> None:
    device = loop_device(make(kind, tmp_path))
    probed = await Probes().probe(device)
    assert probed is not None
    assert ours(probed) == expected(kind, device)


@pytest.mark.root
@pytest.mark.requires("loop", "uevents")
async def test_a_probe_makes_no_event(tmp_path: Path, loop_device: Callable[[Path], str]) -> None:
    from lunix_natsdev.os_netlink import UeventSocket
    from lunix_natsdev.os_sysfs import trigger

    device = loop_device(make("ext4", tmp_path))
    name = Path(device).name
    listener = UeventSocket()
    try:
        while listener.next() is not None:
            pass
        assert await Probes().probe(device) is not None
        # The kernel tells in order: what the probe had caused would come before this one.
        trigger(f"/devices/virtual/block/{name}".encode(), "change 11111111-2222-3333-4444-555555555555")
        heard: list[bytes] = []
        while not any(b"11111111-2222" in event for event in heard):
            received = listener.next()
            if isinstance(received, bytes) and f"/block/{name}\0".encode() in received:
                heard.append(received)
        assert len(heard) == 1
    finally:
        listener.close()


@pytest.mark.parametrize("in_fork", [False, True])
async def test_what_cannot_be_opened_is_not_known(in_fork: bool, tmp_path: Path) -> None:
    assert await Probes(in_fork=in_fork).probe(str(tmp_path / "missing")) is None


@pytest.mark.requires("program:mkfs.ext4")
async def test_a_fork_finds_what_a_program_finds(tmp_path: Path) -> None:
    image = make("ext4", tmp_path)
    probed = await Probes(in_fork=True).probe(str(image))
    assert probed is not None
    assert probed.type == "ext4"
    assert probed == await Probes().probe(str(image))


async def test_a_fork_has_nothing_of_ours_but_memory() -> None:
    def tell() -> int:
        blocked = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("SigBlk"))
        fds = sorted(int(path.name) for path in Path("/proc/self/fd").iterdir())
        facts = (fds, int(blocked.split()[1], 16), os.getpgid(0) == os.getpid(), signal.getsignal(signal.SIGTERM))
        os.write(1, repr((*facts[:3], facts[3] is signal.SIG_DFL)).encode())
        return 3

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, lambda: None)
    try:
        end = await Helpers(1).run(tell, timeout_s=60)
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
    # 3 is the listing's own.
    assert (end.code, end.output) == (3, repr(([0, 1, 2, 3], 0, True, True)).encode())


async def test_a_fork_that_fails_is_told() -> None:
    def fail() -> int:
        raise ValueError

    end = await Helpers(1).run(fail, timeout_s=60)
    assert (end.code, end.output) == (1, b"")


async def test_a_fork_that_does_not_answer_is_killed() -> None:
    def hang() -> int:
        signal.pause()
        return 0

    async with deadline("the end of the fork"):
        end = await Helpers(1).run(hang, timeout_s=0.2, key="disk")
    assert (end.code, end.abandoned) == (None, False)


async def test_a_program_that_cannot_look_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lunix_natsdev.probe._FOLDER", str(tmp_path))  # where it lies, as far as it was installed
    assert await Probes().probe("/dev/null") is None
    assert [vars(record)["reason"] for record in caplog.records] == ["the program that looks failed"]


@pytest.mark.parametrize(("code", "reason"), [(None, "it does not answer"), (-9, "signal 9 ended"), (6, None)])
def test_what_a_device_may_say_is_no_trouble(code: int | None, reason: str | None) -> None:
    assert reason in trouble(Exit(code, b"")) if reason else not trouble(Exit(code, b""))


async def test_labels_that_are_not_utf8_are_readable_and_their_bytes_are_kept(tmp_path: Path) -> None:
    image = make("ext4", tmp_path)
    with image.open("r+b") as file:
        file.seek(1024 + 120)
        file.write(b"\xff<b>\n..\0")
    probed = await Probes().probe(str(image))
    assert probed is not None
    assert (probed.label, probed.raw_label) == ("\\xff<b>\n..", b"\xff<b>\n..")


async def test_a_device_that_does_not_answer_is_given_up_in_time(tmp_path: Path) -> None:
    # Opening a FIFO without a writer succeeds, and seeking in it fails; a reader that hangs is a program that sleeps.
    async with deadline("the end of the reader"):
        end = await Helpers(1).run(("/bin/sleep", "3600"), timeout_s=0.2, key="disk")
    assert (end.code, end.abandoned) == (None, False)


async def test_no_more_helpers_run_at_once_than_allowed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "meet")
    turns = ('echo >"$0/meet"', 'read line <"$0/meet"', *[":"] * 4)  # of the first two, each waits for the other
    script = 'mkdir "$0/$$"; eval "$1"; ls "$0" | grep -vc meet; sleep 0.3; rmdir "$0/$$"'
    helpers = Helpers(2)
    ends = await asyncio.gather(
        *(helpers.run(("/bin/sh", "-c", script, str(tmp_path), turn), timeout_s=60) for turn in turns)
    )
    assert max(int(end.output) for end in ends) == 2


async def test_a_helper_that_writes_without_end_is_read_no_further() -> None:
    end = await Helpers(1).run(("/bin/sh", "-c", "head -c 10000000 /dev/zero; exit 3"), timeout_s=20)
    assert len(end.output) <= 65_536


async def test_a_helper_is_told_by_its_signal() -> None:
    end = await Helpers(1).run(("/bin/sh", "-c", "kill -9 $$"), timeout_s=20)
    assert end.code == -9


async def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        await Helpers(1).run(("/nowhere/program",), timeout_s=60)


async def test_a_helper_whose_caller_is_cancelled_is_killed(tmp_path: Path) -> None:
    helpers, fifo, ended = Helpers(1), tmp_path / "pid", asyncio.Event()
    os.mkfifo(fifo)
    script = ("/bin/sh", "-c", 'echo $$ > "$0"; exec sleep 3600', str(fifo))
    task = asyncio.create_task(helpers.run(script, timeout_s=3600, key="disk"))
    async with deadline("the end of the helper"):
        pidfd = os.pidfd_open(int(await asyncio.to_thread(fifo.read_text)))
        asyncio.get_running_loop().add_reader(pidfd, ended.set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended.wait()
    asyncio.get_running_loop().remove_reader(pidfd)
    os.close(pidfd)


def test_the_child_imports_next_to_nothing() -> None:
    folder = str(Path(sys.modules["lunix_natsdev"].__file__ or "").parent.parent)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import lunix_natsdev.probe_child; "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run(
        (sys.executable, "-I", "-S", "-c", program, folder), capture_output=True, text=True, check=True
    )
    assert not {"typing", "dataclasses", "re", "pydantic", "nats", "asyncio", "pathlib", "inspect"} & set(
        found.stdout.split()
    )


# --- the child's program, in this process ---------------------------------------------------------------------------


def test_the_child_writes_pairs(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    image = make("ext4", tmp_path)
    assert main("look", str(image)) == 0
    assert "type\0ext4\0" in capfd.readouterr().out
    assert encode(examine(str(image))).count(b"\0") % 2 == 0


def test_the_child_exits_with_the_number_of_the_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main("look", str(tmp_path / "missing")) == 2
    assert "No such file" in capfd.readouterr().err


@pytest.mark.requires("program:mkfs.ext4")
def test_a_file_has_no_partition_table_to_read_again(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="ioctl"):
        reread(str(make("nothing", tmp_path)))
    assert main("reread", str(tmp_path / "image")) == 25


def test_a_partition_is_found_on_its_disk(tmp_path: Path) -> None:
    disk = tmp_path / "devices" / "block" / "sda"
    (disk / "sda2").mkdir(parents=True)
    (disk / "sda2" / "partition").write_text("2\n")
    status = Path("/dev/null").stat()
    place = tmp_path / "dev" / "block"
    place.mkdir(parents=True)
    link = place / f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    link.symlink_to(disk / "sda2")
    assert whole_disk(status, str(tmp_path)) == ("sda", 2)
    link.unlink()
    link.symlink_to(disk)
    assert whole_disk(status, str(tmp_path)) is None


@pytest.mark.root
@pytest.mark.requires("loop", "program:sfdisk")
def test_a_partition_is_told_what_its_disk_says(tmp_path: Path, loop_device: Callable[[Path], str]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    disk, part = loop_device(make("gpt", tmp_path / "a")), loop_device(make("ext4", tmp_path / "b"))
    # This machine's kernel may know no partitions, so sysfs is one that says what the other device is.
    number = Path(part).stat().st_rdev
    folder = tmp_path / "sys" / "block" / Path(disk).name / Path(part).name
    folder.mkdir(parents=True)
    (folder / "partition").write_text("2\n")
    (tmp_path / "sys" / "dev" / "block").mkdir(parents=True)
    (tmp_path / "sys" / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}").symlink_to(folder)
    facts = examine(part, str(tmp_path / "sys"))
    assert facts.superblock is not None
    assert facts.superblock.type == "ext4"
    assert (facts.part_label.decode(), len(facts.part_uuid)) == ("pärt", 36)
    (tmp_path / "sys" / "block" / Path(disk).name).rename(tmp_path / "sys" / "block" / "no-disk")
    link = tmp_path / "sys" / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    link.unlink()
    link.symlink_to(tmp_path / "sys" / "block" / "no-disk" / Path(part).name)
    assert examine(part, str(tmp_path / "sys")).part_uuid == ""


def test_what_cannot_be_read_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    # A folder can be opened and has a size, but reading it is an error, as on a broken sector.
    facts = examine(str(tmp_path))
    assert (facts.superblock, facts.table) == (None, "")
