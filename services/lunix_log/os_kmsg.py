"""``/dev/kmsg``: one record of the kernel's log a read. ``Documentation/ABI/testing/dev-kmsg`` of the kernel."""

import errno
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

PATH = "/dev/kmsg"
RECORD_BYTES = 16 * 1024
"""The kernel's own limit is 8 KiB; a smaller room makes it refuse (EINVAL)."""


class Kmsg:
    """The log from its oldest record on."""

    def __init__(self) -> None:
        """Open it; raise ``OSError``."""
        self._descriptor = os.open(PATH, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            # Opening is allowed to more than reading is; the first read tells.
            os.read(self._descriptor, RECORD_BYTES)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        except BlockingIOError:
            pass
        except OSError as error:
            if error.errno != errno.EPIPE:
                os.close(self._descriptor)
                raise OSError(error.errno, error.strerror, PATH) from error

    def fileno(self) -> int:
        """The descriptor to wait for; after an overrun it tells an error beside, and so needs an epoll of its own."""
        return self._descriptor

    def read(self) -> bytes | None:
        """The next record, ``None`` where none waits. Of records that were overwritten only their numbers tell."""
        while True:
            try:
                return os.read(self._descriptor, RECORD_BYTES)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno != errno.EPIPE:
                    raise

    def close(self) -> None:
        """Close it; idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def booted() -> datetime:
    """When the kernel's clock, which stands while the machine sleeps, was 0."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=(time.time_ns() - time.monotonic_ns()) // 1000)


def boot_id() -> str:
    """The name of this run of the kernel; empty where ``/proc`` is not there."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
