"""The section ``[mount]`` of the configuration."""

import grp
import pwd
from pathlib import Path

from pydantic import Field, field_validator

from lunix_common.config import Settings as BaseSettings
from lunix_mount import place
from lunix_mount.policy import Owner

FS_TYPES = [
    "vfat", "exfat", "ntfs", "ext4", "ext3", "ext2", "xfs", "btrfs", "f2fs", "iso9660", "udf", "squashfs", "erofs",
]  # fmt: skip


class Settings(BaseSettings):
    """What is mounted by itself, where and how."""

    automount: bool = False
    """Mount removable media when they appear, and those that are there at the start."""
    media: str = "/media"
    """The folder for the generated mount points."""
    allow_where: list[str] = Field(default_factory=list[str])
    """Folders below which the role user may choose a mount point: `["/mnt/sticks"]`."""
    fs_types: list[str] = FS_TYPES
    """What is mounted by itself or for the role user, in blkid's words."""
    removable: list[str] = Field(default_factory=list[str])
    """Disks that count as removable beside those on USB and those that the kernel calls so: `["mmcblk1", "sr*"]`."""
    noexec: bool = False
    """Let no program be run from what is mounted by itself or for the role user."""
    uid: int | str = 0
    """Name or number of the user to whom the files of vfat, exfat, ntfs and udf belong."""
    gid: int | str = 0
    """Name or number of their group."""
    umask: str = Field(default="0022", pattern=r"^0?[0-7]{1,3}$")
    """What is taken away from their modes."""
    mount_timeout_s: float = Field(default=30.0, gt=0, le=3600)
    """So long a device may take for a mount by itself."""
    run: str = "/run/lunix-mount"
    """The folder in which lunix-mount notes the mount points that it made, to clear them away after a crash."""

    @field_validator("media", "run")
    @classmethod
    def _whole(cls, folder: str) -> str:
        place.parts(folder)
        return folder

    @field_validator("allow_where")
    @classmethod
    def _all_whole(cls, folders: list[str]) -> list[str]:
        for folder in folders:
            place.parts(folder)
        return folders

    @field_validator("uid")
    @classmethod
    def _user(cls, user: int | str) -> int:
        try:
            return user if isinstance(user, int) else int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid
        except KeyError:
            raise ValueError(f"there is no user {user}") from None

    @field_validator("gid")
    @classmethod
    def _group(cls, group: int | str) -> int:
        try:
            return group if isinstance(group, int) else int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid
        except KeyError:
            raise ValueError(f"there is no group {group}") from None

    @property
    def owner(self) -> Owner:
        """Of files that have none."""
        return Owner(int(self.uid), int(self.gid), int(self.umask, 8))

    @property
    def state_file(self) -> Path:
        """Where the mount points are noted."""
        return Path(self.run) / "points.json"
