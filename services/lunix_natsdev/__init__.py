"""natsdev: devices come and go on the bus (``hardware.>``).

It reads the kernel's uevents, or udevd's where that runs, keeps a table of all devices, publishes each event as
``hardware.<subsystem>.<action>`` and answers ``hardware.list``, ``hardware.get``, ``hardware.settle`` and
``hardware.trigger``. With ``--manage`` it is the device manager of a system without udevd.

Pure core: `uevent`, `device`, `table`, `lanes`, `backlog`, `probed`, `superblock.base`, `superblock.detect`,
`superblock.disc`, `superblock.dos`, `superblock.linux`, `superblock.table`, `superblock.volume`, `manage.links`,
`manage.link_names`, `manage.rules`, `manage.coldplug`.
"""
