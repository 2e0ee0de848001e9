"""lunix-mount: what is mounted where, by whomever; mounts and unmounts on request, and removable media by itself.

Publishes ``mount.mounted``, ``mount.changed``, ``mount.unmounted``, ``mount.placed`` and ``mount.failed``; answers
``mount.list``, ``mount.mount`` and ``mount.unmount``.

    /proc/self/mountinfo → mountinfo → mounts → the bus
    request, or a stick (media) → finder (volumes) → acts → mounter (policy, place, points) → os_mount → the kernel

Pure core: `mountinfo`, `mounts`, `volumes`, `place`, `policy`, `points`, `refusal`.
"""
