"""Each refusal of the kernel has a code and a sentence."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_mount import refusal


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (errno.EBUSY, 409, "/dev/sda1 is in use, or mounted there already"),
        (errno.EUCLEAN, 422, "/dev/sda1: the ext4 is damaged and has to be repaired"),
        (errno.ENODEV, 415, "this kernel has no driver for ext4"),
        (errno.ENXIO, 404, "/dev/sda1 is gone"),
        (errno.EPERM, 403, refusal.NO_RIGHTS),
        (errno.ENOSPC, 507, "no room: too many mounts, or a full disk"),
        (errno.EMFILE, 500, "/dev/sda1: Too many open files"),
    ],
)
def test_of_a_mount(number: int, code: int, text: str) -> None:
    refused = refusal.of_mount(error(number), "/dev/sda1", "ext4")
    assert (refused.code, refused.why, str(refused)) == (code, text, text)


def test_of_an_unmount_and_of_a_place() -> None:
    assert refusal.of_unmount(error(errno.EBUSY), "/media/A").code == 409
    assert refusal.of_unmount(error(errno.EINVAL), "/media/A").code == 404
    link = refusal.of_place(error(errno.ELOOP), "/media/A")
    assert (link.code, link.why) == (403, "/media/A is a symbolic link, and none is followed")


@given(st.integers(0, 200), st.text(max_size=20))
def test_no_path_however_hostile_brings_it_down(number: int, path: str) -> None:
    for refused in (
        refusal.of_mount(error(number), path, "ext4"),
        refusal.of_unmount(error(number), path),
        refusal.of_place(error(number), path),
    ):
        assert refused.code in (400, 403, 404, 409, 415, 422, 500, 507)
        assert refused.why


def test_an_error_without_a_number_is_a_failure() -> None:
    assert refusal.of_mount(OSError("odd"), "/dev/sda1", "ext4").code == 500
