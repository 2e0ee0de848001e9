# NixOS: services.lunix, with a set of options for each daemon.
#
# Units, users, settings and their descriptions come from daemons.json, which nix/generate.py writes from lunix's own
# tables: nothing of it is written twice.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib)
    concatStringsSep
    filterAttrs
    mapAttrs
    mapAttrs'
    mkEnableOption
    mkIf
    mkMerge
    mkOption
    nameValuePair
    types
    ;

  cfg = config.services.lunix;
  daemons = builtins.fromJSON (builtins.readFile ./daemons.json);
  optional = removeAttrs daemons [
    "bus"
    "init"
  ];

  typeOf =
    type:
    {
      bool = types.bool;
      int = types.int;
      number = types.number;
      str = types.str;
      anything = types.anything;
      enum = types.enum type.values;
      list = types.listOf (typeOf type.of);
      attrs = types.attrsOf (typeOf type.of);
      either = types.oneOf (map typeOf type.of);
    }
    .${type.name};

  settingOf =
    field:
    mkOption {
      type = types.nullOr (typeOf field.type);
      default = null;
      description = concatStringsSep "\n" (
        [ field.description ]
        ++ (if field.default == "null" then [ ] else [ "Where nothing is set: `${field.default}`." ])
      );
    };

  daemonOf = name: daemon: {
    enable = mkOption {
      type = types.bool;
      default = daemon.byDefault;
      description = "Whether to run lunix-${name}: ${daemon.doc}.";
    };
    settings = mapAttrs (_: settingOf) daemon.settings;
  };

  enabled = filterAttrs (
    name: _: name == "bus" || (optional ? ${name} && cfg.${name}.enable)
  ) daemons;
  system = filterAttrs (_: daemon: !daemon.session) enabled;
  session = filterAttrs (_: daemon: daemon.session) enabled;
  unprivileged = filterAttrs (_: daemon: daemon.user != "root") system;

  settings = filterAttrs (_: section: section != { }) (
    mapAttrs (name: _: filterAttrs (_: value: value != null) cfg.${name}.settings) (
      removeAttrs enabled [ "bus" ]
    )
  );
  configuration = (pkgs.formats.toml { }).generate "lunix.toml" settings;

  words =
    value: builtins.filter (word: builtins.isString word && word != "") (builtins.split " " value);
  inStore = builtins.replaceStrings [ "@lunix@" ] [ "${cfg.package}" ];

  serviceOf =
    daemon:
    let
      unit = daemon.unit.Unit;
      service = daemon.unit.Service;
    in
    {
      description = unit.Description;
      after = words (unit.After or "");
      wants = words (unit.Wants or "");
      partOf = words unit.PartOf;
      wantedBy = words daemon.unit.Install.WantedBy;
      unitConfig.StartLimitIntervalSec = unit.StartLimitIntervalSec;
      path = [
        pkgs.systemd
        pkgs.util-linux
      ];
      restartTriggers = [ configuration ];
      serviceConfig = service // {
        ExecStart = inStore service.ExecStart;
        ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
      };
    };
  services = mapAttrs' (name: daemon: nameValuePair "lunix-${name}" (serviceOf daemon));

  # A folder in the store: /etc/lunix/units leads to it by links, and a switch to another generation swaps one of them. So
  # lunix-init sees all changes at once, and restarts what differs.
  toml = pkgs.formats.toml { };
  unitFiles =
    mapAttrs (name: daemon: pkgs.writeText "${name}.toml" daemon.init) (
      enabled // { inherit (daemons) init; }
    )
    // mapAttrs (name: unit: toml.generate "${name}.toml" unit) cfg.init.units;
  units = pkgs.linkFarm "lunix-units" (
    lib.mapAttrsToList (name: path: {
      name = "${name}.toml";
      inherit path;
    }) unitFiles
  );
in
{
  options.services.lunix = {
    enable = mkEnableOption "lunix: all that this machine tells and does, on one bus";
    package = mkOption {
      type = types.package;
      default = pkgs.lunix;
      defaultText = lib.literalExpression "pkgs.lunix";
      description = "The package with the programs.";
    };
    supervisor = mkOption {
      type = types.enum [
        "systemd"
        "lunix-init"
      ];
      default = "systemd";
      description = "Who keeps the daemons: systemd, each in a hardened service, or one lunix-init.";
    };
    init.units = mkOption {
      type = types.attrsOf toml.type;
      default = { };
      example = {
        thermostat.exec = [ "/run/current-system/sw/bin/thermostat" ];
      };
      description = "More units of lunix-init, by name, where it is the supervisor.";
    };
  }
  // mapAttrs daemonOf optional;

  config = mkIf cfg.enable (mkMerge [
    {
      environment.systemPackages = [ cfg.package ];
      environment.etc."lunix/lunix.toml".source = configuration;
      users.groups = {
        lunix-observer = { };
        lunix-user = { };
        lunix-admin = { };
      };
      systemd.tmpfiles.rules = [
        "d /var/lib/lunix 0755 root root -"
        "d /etc/lunix/subjects.d 0755 root root -"
      ];
    }
    (mkIf (cfg.supervisor == "systemd") {
      users.groups = mapAttrs' (_: daemon: nameValuePair daemon.user { }) unprivileged;
      users.users = mapAttrs' (
        name: daemon:
        nameValuePair daemon.user {
          isSystemUser = true;
          group = daemon.user;
          extraGroups = daemon.groups;
          description = "lunix ${name}";
        }
      ) unprivileged;
      systemd.targets.lunix = {
        description = "lunix: all that this machine tells and does on its bus";
        wantedBy = [ "multi-user.target" ];
      };
      systemd.services = services system;
      systemd.user.services = services session;
    })
    (mkIf (cfg.supervisor == "lunix-init") {
      environment.etc."lunix/units".source = units;
      systemd.services.lunix-init = {
        description = "lunix-init, which keeps the daemons of lunix";
        wantedBy = [ "multi-user.target" ];
        # What it keeps would end with it, and it takes a new program without that: lunix init reexec.
        restartIfChanged = false;
        serviceConfig = {
          Type = "notify";
          ExecStart = "${cfg.package}/bin/lunix-init --units /etc/lunix/units --run /run/lunix";
          ExecReload = "${cfg.package}/bin/lunix init reexec --run /run/lunix";
          Delegate = true;
          KillMode = "mixed";
          Restart = "on-failure";
        };
      };
    })
  ]);
}
