"""inotify(7) on an event loop. What is watched, and the marks of what happens, are ``os_libc``'s."""

import asyncio
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager

from lunix_common.os_libc import InotifyEvent, inotify_events, inotify_init1


@contextmanager
def watching(happened: Callable[[list[InotifyEvent]], None]) -> Generator[int]:
    """A descriptor to add watches to; until the block ends ``happened`` is told what they see. Raises ``OSError``."""
    descriptor, loop = inotify_init1(), asyncio.get_running_loop()
    loop.add_reader(descriptor, lambda: happened([*inotify_events(os.read(descriptor, 65536))]))
    try:
        yield descriptor
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
