"""lunix-power: what the machine runs on, its lid and buttons, and its sleep.

Publishes ``power.ac.*``, ``power.battery.*``, ``power.lid.*``, ``power.button.pressed``, ``power.suspending`` and
``power.resumed``; answers ``power.list`` and ``power.suspend``.

    kernel uevent, or the moment that the rate lets expect → os_sysfs → supply ┐
    /dev/input → os_input → switches                                           ├→ parts (what changed) → the bus
    systemd-logind, or /sys/power/state → sleep                                ┘

Pure core: `uevent`, `supply`, `levels`, `parts`, `switches`.
Run by machines, where coverage is not measured: `os_input`, `inputs`.
"""
