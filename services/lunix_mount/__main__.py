"""``lunix-mount``: arguments, checks, run."""

from collections.abc import Iterable
from typing import NoReturn

from lunix_common.daemon import Spec, run
from lunix_mount import os_block, os_mount, policy
from lunix_mount.refusal import NO_RIGHTS
from lunix_mount.service import serve
from lunix_mount.settings import Settings


def check(settings: Settings) -> Iterable[str]:
    """What ``--check`` tells beside the settings."""
    if not os_mount.may_mount():
        yield NO_RIGHTS
    loaded = os_block.kernel_types()
    for fs_type in settings.fs_types:
        drivers = policy.drivers(fs_type)
        if loaded & set(drivers):
            yield f"{fs_type}: mounted by the kernel"
        elif helpers := [
            found for driver in drivers if driver in policy.HELPERS and (found := os_mount.helper(driver))
        ]:
            yield f"{fs_type}: mounted by {helpers[0]}, where the kernel has no driver"
        else:
            yield f"{fs_type}: not known to the kernel now; it may load a module for it"
    what = f"removable media are mounted below {settings.media}" if settings.automount else "nothing"
    yield f"by itself: {what}"


SPEC = Spec(
    name="mount",
    doc="What is mounted, and removable media (mount.>).",
    settings=Settings,
    serve=serve,
    acts=True,
    check=check,
)


def main() -> NoReturn:
    """Run the daemon."""
    run(SPEC)


if __name__ == "__main__":
    main()
