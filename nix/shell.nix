# What `make test` needs beside Python's own packages, which `make setup` brings.
{
  mkShell,
  python3,
  gnumake,
  nats-server,
  mosquitto,
  qemu,
  squashfsTools,
  shellcheck,
  strace,
  dbus,
}:
mkShell {
  packages = [
    python3
    gnumake
    nats-server
    mosquitto
    qemu
    squashfsTools
    shellcheck
    strace
    dbus
  ];
}
