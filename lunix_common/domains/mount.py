"""The subjects of mount: file systems and where they are."""

from lunix_common.table import Domain, Kind, Role, Subject, event

DOMAINS = (
    Domain(
        "mount",
        "mount",
        "File systems that are mounted on this machine, by whomever.",
        item="mount.Mount",
        gone=frozenset({"unmounted"}),
        passing=frozenset({"failed"}),
    ),
)

SUBJECTS = (
    event("mount.mounted", "mount", "mount.Mount", "A file system was mounted, by whomever.", Role.USER),
    event("mount.changed", "mount", "mount.Mount", "A mount is another one than before: read-only, say.", Role.USER),
    event("mount.unmounted", "mount", "mount.Unmounted", "A file system is no longer mounted, and why.", Role.USER),
    event(
        "mount.placed",
        "mount",
        "mount.Mount",
        "Told after `mounted` or `changed`, for admins: the whole of a mount of which others see a part.",
        Role.ADMIN,
    ),
    event("mount.failed", "mount", "mount.Failed", "A stick could not be mounted by itself, and why.", Role.USER),
    Subject(
        "mount.list",
        Kind.QUERY,
        "mount",
        "mount.ListRequest",
        "What is mounted; where something is outside of the places of removable media, for the role admin alone.",
        reply="mount.MountList",
        role=Role.USER,
        bare="device",
    ),
    Subject(
        "mount.mount",
        Kind.COMMAND,
        "mount",
        "mount.MountRequest",
        "Mount a volume, or the one that is on a device; one that is about to appear is waited for.",
        reply="mount.Mount",
        role=Role.USER,
        bare="device",
        takes_s=30,
        waits="timeout_ms",
    ),
    Subject(
        "mount.unmount",
        Kind.COMMAND,
        "mount",
        "mount.UnmountRequest",
        "Unmount a mount, or all of a device.",
        reply="mount.UnmountReply",
        role=Role.USER,
        bare="where",
    ),
)

USES = {
    "mount": (
        "hardware.<subsystem>.<action>",
        "hardware.lost",
        "hardware.ready",
        "hardware.list",
        "hardware.get",
        "hardware.settle",
    )
}
