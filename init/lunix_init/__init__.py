"""lunix-init: PID 1 and supervisor.

It runs a directory of units (one TOML file a service) as PID 1 or as an ordinary user, and tells on
a private unix socket what becomes of them. Everything in this package is written against the
standard library alone, because PID 1 must start where nothing else is installed and must never die
of somebody else's import. What speaks to the bus is a supervised child that talks to that socket.

The pure core (no system calls): `unit`, `values`, `graph`, `machine`, `plan`, `backoff`, `notify`,
`protocol`, `outbox`, `ring`, `cmdline`, `taskstats`. The system calls: `os_*`. The rest joins the two.

Run by machines, where coverage is not measured: `boot`, `pid1`, `os_machine`, `logger`, `keep`.
"""
