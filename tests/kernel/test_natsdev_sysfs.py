"""Reading sysfs and the kernel's socket, as they are on this machine."""

import asyncio
import os
import select
import socket
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from lunix_common.errors import UsageError
from lunix_common.os_netlink import Overflow, Untrusted
from lunix_natsdev import os_netlink, os_sysfs
from lunix_natsdev.os_netlink import UeventSocket
from lunix_natsdev.os_udevd import is_running, queue_empty
from lunix_natsdev.source import KernelSource, choose
from lunix_natsdev.uevent import Malformed, Uevent, parse
from lunix_testing.daemon import DaemonStarter
from lunix_testing.deadline import deadline
from lunix_testing.hotplug import ask_kernel, ip, veth
from lunix_testing.uevents import event

NULL = b"/devices/virtual/mem/null"
LO = b"/devices/virtual/net/lo"


def libudevs_list() -> set[str]:
    """What udevadm finds, which asks the same library as everybody."""
    done = subprocess.run(("udevadm", "trigger", "--dry-run", "--verbose"), capture_output=True, text=True, check=True)
    return {line.removeprefix("/sys") for line in done.stdout.splitlines()}


@pytest.mark.requires("program:udevadm")
def test_the_same_devices_are_found_as_libudev_finds() -> None:
    before = set(map(os.fsdecode, os_sysfs.paths()))
    found = libudevs_list()
    after = set(map(os.fsdecode, os_sysfs.paths()))
    # Others come and go meanwhile.
    assert before & after <= found <= before | after


def test_parents_come_before_their_children() -> None:
    seen: set[bytes] = set()
    for one in os_sysfs.present():
        assert not [path for path in seen if path.startswith(one.devpath + b"/")]
        seen.add(one.devpath)
    assert {NULL, LO} <= seen


def test_the_properties_of_a_device_are_as_in_its_event() -> None:
    assert os_sysfs.properties(NULL) == {
        "ACTION": "add", "DEVPATH": NULL.decode(), "SUBSYSTEM": "mem",
        "MAJOR": "1", "MINOR": "3", "DEVNAME": "null", "DEVMODE": "0666",
    }  # fmt: skip


def test_a_device_node_is_only_believed_with_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "devices" / "evil"
    device.mkdir(parents=True)
    (device / "subsystem").symlink_to("../../bus/hid")
    hostile = "HID_NAME=x\nDEVNAME=sda\nMAJOR=8\nMINOR=0\nSUBSYSTEM=block\nDEVPATH=/devices/other\nACTION=remove\n"
    (device / "uevent").write_text(hostile, encoding="ascii")
    monkeypatch.setattr(os_sysfs, "ROOT", os.fsencode(tmp_path))
    expected = {"ACTION": "add", "DEVPATH": "/devices/evil", "SUBSYSTEM": "hid", "HID_NAME": "x"}
    assert os_sysfs.properties(b"/devices/evil") == expected


def test_what_is_not_there_has_nothing() -> None:
    gone = event("add", b"/devices/virtual/net/gone0")
    assert os_sysfs.properties(gone.devpath) is None
    assert os_sysfs.look(gone) is None
    assert os_sysfs.attribute(gone.devpath, "size") is None
    with pytest.raises(FileNotFoundError):
        os_sysfs.trigger(gone.devpath, "change")


@pytest.mark.root
@pytest.mark.requires("veth")
def test_a_rename_keeps_the_number_of_the_directory_and_a_new_device_has_a_new_one() -> None:
    numbers: list[int | None] = []
    for _ in range(2):
        with veth() as (one, _two):
            path = f"/devices/virtual/net/{one}".encode()
            numbers.append(os_sysfs.inode(path))
            ip("link", "set", one, "name", f"{one}x")
            assert os_sysfs.inode(path) is None
            assert os_sysfs.inode(path + b"x") == numbers[-1]
    assert numbers[0] != numbers[1]


# --- the socket ----------------------------------------------------------------------------------------------------


def next_event(listener: UeventSocket) -> object:
    """What comes next, of this test's making or anybody's."""
    readable, _, _ = select.select([listener], [], [], 30)
    assert readable
    return listener.next()


@pytest.mark.root
@pytest.mark.requires("uevents")
def test_the_kernels_events_are_received() -> None:
    listener = UeventSocket()
    mark = str(uuid4())
    ask_kernel("lo", f"change {mark}")
    while True:
        received = next_event(listener)
        assert isinstance(received, bytes)
        parsed = parse(received)
        assert isinstance(parsed, Uevent)
        if parsed.synthetic == mark:
            break
    assert parsed.devpath == LO
    listener.close()
    listener.close()


@pytest.mark.root
def test_a_message_of_somebody_else_is_named_with_its_sender() -> None:
    listener = UeventSocket()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15) as sender:
        sender.bind((0, 0))
        sender.sendto(b"add@/devices/x\0", (listener.port, 0))
        port = sender.getsockname()[0]
    while isinstance(received := next_event(listener), bytes):
        pass
    assert received == Untrusted(port, os.geteuid())
    listener.close()


@pytest.mark.root
@pytest.mark.requires("uevents")
def test_a_message_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os_netlink, "DATAGRAM_BYTES", 32)
    source = KernelSource()
    ask_kernel("lo", "change")
    received = source.receive()
    source.close()
    assert isinstance(received, Malformed)
    assert "longer" in received.reason


@pytest.mark.root
@pytest.mark.requires("uevents")
def test_a_full_buffer_is_an_overflow_once_and_then_events_come_again() -> None:
    listener = UeventSocket(2048)
    for _ in range(300):
        ask_kernel("lo", "change")
    received: list[object] = []
    while (item := listener.next()) is not None:
        received.append(item)
    assert received.count(Overflow.OVERFLOW) == 1
    assert len(received) < 300
    ask_kernel("lo", "change")
    assert isinstance(next_event(listener), bytes)
    listener.close()


def test_the_buffer_is_as_large_as_the_kernel_allows() -> None:
    listener = UeventSocket(1 << 20)
    wanted = 1 << 20 if os.geteuid() == 0 else int(Path("/proc/sys/net/core/rmem_max").read_text(encoding="ascii"))
    assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= min(1 << 20, wanted)
    listener.close()


# --- udevd, where there is none ------------------------------------------------------------------------------------


def test_a_folder_without_a_control_socket_has_no_udevd(tmp_path: Path) -> None:
    assert not is_running(tmp_path)


def test_a_control_socket_that_nobody_listens_on_is_no_udevd(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.bind(str(tmp_path / "control"))
        assert not is_running(tmp_path)
        control.listen(0)
        assert is_running(tmp_path)


async def test_the_end_of_a_queue_is_waited_for(tmp_path: Path) -> None:
    async with deadline("an empty queue"):
        await queue_empty(tmp_path)
        (tmp_path / "queue").touch()
        waiting = asyncio.create_task(queue_empty(tmp_path))
        await asyncio.sleep(0)
        (tmp_path / "other").touch()
        (tmp_path / "other").unlink()
        await asyncio.sleep(0)
        assert not waiting.done()
        (tmp_path / "queue").unlink()
        await waiting


def test_a_source_that_is_named_is_taken() -> None:
    assert choose("kernel") == "kernel"
    assert choose("udev") == "udev"


def test_udev_without_libudev_is_a_mistake_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    from lunix_natsdev import source

    monkeypatch.setattr(source, "_has_libudev", lambda: False)
    with pytest.raises(UsageError, match="pyudev"):
        source.open_source("udev", 4096)


def test_what_would_be_used_is_told_and_nothing_is_done(daemon_process: DaemonStarter) -> None:
    checked = daemon_process("lunix_natsdev", "--check", "--source", "kernel", wait=False)
    assert checked.wait() == 0
    assert "source in use = kernel" in checked.output()


def test_a_device_manager_beside_udevd_is_refused(daemon_process: DaemonStarter) -> None:
    refused = daemon_process("lunix_natsdev", "--manage", "--source", "udev", wait=False, may_fail=True)
    assert refused.wait() == 100
    assert "udevd" in refused.log[-1]


def test_a_rule_that_is_none_is_refused(daemon_process: DaemonStarter, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "x.toml").write_text("nonsense", encoding="ascii")
    config = f'[natsdev]\nrules_folder = "{folder}"'
    for arguments in (("--check",), ()):
        refused = daemon_process(
            "lunix_natsdev", "--manage", "--source", "kernel", *arguments, config=config, wait=False, may_fail=True
        )
        assert refused.wait() == 100
        assert "x.toml" in refused.log[-1]
