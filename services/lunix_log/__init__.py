"""lunix-log: what the kernel, programs, services and other machines write down, as events.

Publishes ``log.<facility>.<severity>``, ``log.dropped`` and ``log.lost``; answers ``log.tail``.

    /dev/log, journalctl, UDP, TCP → framing → syslog, journal ↘
    /dev/kmsg → kmsg, init.log.*.line → own_lines               → intake (limit, ring) → the bus

Pure core: `priority`, `visible`, `parsed`, `moment`, `rfc5424`, `rfc3164`, `syslog`, `framing`, `kmsg`, `journal`,
`own_lines`, `numbers`, `limit`, `ring`, `state`.
"""
