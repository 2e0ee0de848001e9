"""The thin layer over libc and epoll, against the real kernel."""

import asyncio
import ctypes
import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lunix_common import os_libc
from lunix_common.os_epoll import PriorityWatch
from lunix_common.os_inotify import watching
from lunix_testing.deadline import deadline


def test_inotify_tells_of_a_written_file(tmp_path: Path) -> None:
    descriptor = os_libc.inotify_init1()
    try:
        watch = os_libc.inotify_add_watch(descriptor, str(tmp_path), os_libc.IN_CLOSE_WRITE)
        (tmp_path / "file").write_text("x")
        told, mask, _cookie, _length = struct.unpack_from("iIII", os.read(descriptor, 4096))
        assert (told, mask) == (watch, os_libc.IN_CLOSE_WRITE)
        os_libc.inotify_rm_watch(descriptor, watch)
        _told, mask, _cookie, _length = struct.unpack_from("iIII", os.read(descriptor, 4096))
        assert mask & os_libc.IN_IGNORED
        with pytest.raises(BlockingIOError):
            os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def test_inotify_events_are_cut_with_their_names(tmp_path: Path) -> None:
    descriptor = os_libc.inotify_init1()
    try:
        watch = os_libc.inotify_add_watch(descriptor, str(tmp_path), os_libc.IN_CREATE)
        names = [b"a", b"b" * 16, "\u00e9 and a longer one".encode(), b"\xff"]
        for name in names:
            Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).touch()
        told = list(os_libc.inotify_events(os.read(descriptor, 4096)))
        assert told == [(watch, os_libc.IN_CREATE, name) for name in names]
    finally:
        os.close(descriptor)
    assert not list(os_libc.inotify_events(b""))


async def test_what_is_watched_is_told_until_the_block_ends(tmp_path: Path) -> None:
    told: list[os_libc.InotifyEvent] = []
    came = asyncio.Event()

    def happened(events: list[os_libc.InotifyEvent]) -> None:
        told.extend(events)
        came.set()

    with watching(happened) as inotify:
        watch = os_libc.inotify_add_watch(inotify, str(tmp_path), os_libc.IN_CREATE)
        (tmp_path / "file").touch()
        async with deadline("the file is told"):
            await came.wait()
        assert told == [(watch, os_libc.IN_CREATE, b"file")]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(inotify)


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    descriptor = os_libc.inotify_init1()
    try:
        with pytest.raises(FileNotFoundError) as caught:
            os_libc.inotify_add_watch(descriptor, str(tmp_path / "none"), os_libc.IN_CLOSE_WRITE)
        assert caught.value.filename == str(tmp_path / "none")
    finally:
        os.close(descriptor)


def test_prctl_names_this_thread() -> None:
    before = Path("/proc/thread-self/comm").read_bytes()
    name = ctypes.create_string_buffer(b"lunix-test")
    os_libc.prctl(os_libc.PR_SET_NAME, ctypes.addressof(name))
    try:
        assert Path("/proc/thread-self/comm").read_text() == "lunix-test\n"
    finally:
        old = ctypes.create_string_buffer(before.strip())
        os_libc.prctl(os_libc.PR_SET_NAME, ctypes.addressof(old))


def test_prctl_refuses_what_the_kernel_refuses() -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        os_libc.prctl(-1, 0)


@pytest.fixture
def place() -> Iterator[int]:
    """A process with mounts of its own, since others mount, too."""
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-c", "echo; exec sleep infinity")
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


@pytest.mark.root
async def test_each_mount_wakes_a_priority_watch_once_and_a_quiet_file_never(tmp_path: Path, place: int) -> None:
    calls = 0
    woken = asyncio.Event()

    def changed() -> None:
        nonlocal calls
        calls += 1
        woken.set()

    inside = ("nsenter", "--mount", "--target", str(place))
    descriptor = os.open(f"/proc/{place}/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
    try:
        watch = PriorityWatch(descriptor, changed)
        with watch:
            for verb in (("mount", "-t", "tmpfs", "none", str(tmp_path)), ("umount", str(tmp_path))) * 3:
                woken.clear()
                await asyncio.to_thread(subprocess.run, (*inside, *verb), check=True)
                async with deadline("the wake-up"):
                    await woken.wait()
            told = calls
            for _ in range(1000):
                await asyncio.sleep(0)
            assert calls == told, "a descriptor that is always readable would have called again and again"
        watch.__exit__(None, None, None)
    finally:
        os.close(descriptor)
