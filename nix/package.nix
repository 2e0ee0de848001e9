# lunix with all daemons. What only some need is an argument: lunix.override { withMqtt = false; }
{
  lib,
  python3Packages,
  nats-server,
  withUdev ? true,
  withDbus ? true,
  withMqtt ? true,
  withUvloop ? true,
}:
python3Packages.buildPythonApplication {
  pname = "lunix";
  version = (lib.importTOML ../pyproject.toml).project.version;
  pyproject = true;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../pyproject.toml
      ../README.md
      ../LICENSE
      ../hatch_build.py
      ../lunix_common
      ../services
      ../init
      ../cli
    ];
  };

  build-system = [ python3Packages.hatchling ];

  dependencies =
    with python3Packages;
    [
      nats-py
      nkeys
      pydantic
      websockets
    ]
    ++ lib.optional withUdev pyudev
    ++ lib.optional withDbus dbus-fast
    ++ lib.optional withMqtt paho-mqtt
    ++ lib.optional withUvloop uvloop;

  # nats-py is pinned, for its private parts are used: where nixpkgs has another version the check of dependencies ends the
  # build, before a daemon fails.
  pythonImportsCheck = [ "lunix_cli" ];

  # The server comes from nixpkgs and not from the wheel of the extra `server`.
  makeWrapperArgs = [ "--prefix PATH : ${lib.makeBinPath [ nats-server ]}" ];

  # The tests need the kernel, QEMU and a network namespace: they are run where lunix is made.
  doCheck = false;

  meta = {
    description = "Everything a Linux userspace knows and can do, on one NATS bus";
    license = lib.licenses.isc;
    mainProgram = "lunix";
    platforms = lib.platforms.linux;
  };
}
