"""Options of a mount, and what only an admin may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunix_mount import policy
from lunix_mount.policy import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, Denied, Owner, Wanted

SAFE = MS_NOSUID | MS_NODEV
TYPES = ["vfat", "exfat", "ntfs3", "ntfs-3g", "ext4", "iso9660", "btrfs", "udf"]
ADA = Owner(1000, 100, 0o027)
FINE = Wanted("vfat", None, (), removable=True, chosen=False, allowed=False)


@given(st.sampled_from(TYPES), st.booleans(), st.booleans())
def test_no_set_uid_program_and_no_device_counts_on_a_stick(driver: str, read_only: bool, noexec: bool) -> None:
    flags = policy.options(driver, ADA, read_only=read_only, noexec=noexec).flags
    assert flags & SAFE == SAFE
    assert bool(flags & MS_NOEXEC) is noexec
    assert bool(flags & MS_RDONLY) is (read_only or driver == "iso9660")


@pytest.mark.parametrize("driver", ["vfat", "exfat", "ntfs3", "ntfs-3g", "udf"])
def test_what_knows_no_owners_belongs_to_the_one_of_the_settings(driver: str) -> None:
    data = policy.options(driver, ADA, read_only=False, noexec=False).data
    assert data.startswith("uid=1000,gid=100,umask=0027")


def test_what_has_owners_is_given_none() -> None:
    assert policy.options("ext4", ADA, read_only=False, noexec=False) == policy.Options(SAFE, "")


def test_an_admin_may_choose() -> None:
    given = policy.options("ext4", ADA, read_only=True, noexec=True, more=["rw", "suid", "noatime", "acl", "exec"])
    assert given.flags == MS_NODEV | policy.MS_NOATIME
    assert given.data == "acl"


def test_options_for_a_helper_are_one_text() -> None:
    assert policy.options("ntfs-3g", Owner(), read_only=True, noexec=False).as_text == (
        "ro,nosuid,nodev,uid=0,gid=0,umask=0022"
    )
    assert policy.options("ext4", Owner(), read_only=False, noexec=False).as_text == "nosuid,nodev"


def test_the_drivers_of_a_file_system() -> None:
    assert policy.drivers("ntfs") == ("ntfs3", "ntfs-3g")
    assert policy.drivers("vfat") == ("vfat",)


@pytest.mark.parametrize(
    "wanted",
    [
        FINE,
        FINE._replace(chosen=True, allowed=True),
        FINE._replace(asked_type="vfat"),
        FINE._replace(fs_type=None),
    ],
)
def test_what_a_user_may(wanted: Wanted) -> None:
    policy.check(wanted, ["vfat"])


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (FINE._replace(options=("suid",)), "options"),
        (FINE._replace(removable=False), "removable"),
        (FINE._replace(chosen=True), "where"),
        (FINE._replace(asked_type="ext4"), "another file system"),
        (FINE._replace(fs_type=None, asked_type="ext4"), "another file system"),
        (FINE._replace(fs_type="zfs_member"), "fs_types"),
    ],
)
def test_what_a_user_may_not(wanted: Wanted, why: str) -> None:
    with pytest.raises(Denied, match=why):
        policy.check(wanted, ["vfat"])
