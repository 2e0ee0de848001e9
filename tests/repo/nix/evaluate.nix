# The module, evaluated without nixpkgs: of its library only what the module uses, reduced to what it comes to. Types are
# not checked; that settings and units arrive where they should is.
{ services, module }:
let
  merge =
    a: b:
    a
    // builtins.mapAttrs (
      name: value:
      if a ? ${name} && builtins.isAttrs a.${name} && builtins.isAttrs value then
        merge a.${name} value
      else
        value
    ) b;
  lib = rec {
    concatStringsSep = builtins.concatStringsSep;
    filterAttrs =
      keep: set:
      removeAttrs set (builtins.filter (name: !(keep name set.${name})) (builtins.attrNames set));
    mapAttrs = builtins.mapAttrs;
    mapAttrs' =
      make: set: builtins.listToAttrs (map (name: make name set.${name}) (builtins.attrNames set));
    mapAttrsToList = make: set: map (name: make name set.${name}) (builtins.attrNames set);
    nameValuePair = name: value: { inherit name value; };
    mkEnableOption = _: mkOption { default = false; };
    mkIf = condition: value: if condition then value else { };
    mkMerge = builtins.foldl' merge { };
    mkOption = option: { _option = true; } // option;
    literalExpression = text: text;
    types = {
      bool = "bool";
      int = "int";
      number = "number";
      str = "str";
      anything = "anything";
      package = "package";
      enum = values: { enum = values; };
      listOf = of: { list = of; };
      attrsOf = of: { attrs = of; };
      nullOr = of: { null = of; };
      oneOf = of: { either = of; };
    };
  };
  pkgs = {
    lunix = "/lunix";
    systemd = "/systemd";
    util-linux = "/util-linux";
    coreutils = "/coreutils";
    writeText = name: text: { inherit name text; };
    linkFarm = name: entries: { inherit name entries; };
    formats.toml = _: {
      type = "toml";
      generate = name: value: { inherit name value; };
    };
  };
  # What was set, and the defaults of all else.
  values =
    options: set:
    builtins.mapAttrs (
      name: option:
      if option ? _option then
        set.${name} or option.default or null
      else
        values option (set.${name} or { })
    ) options;
  made = import module {
    inherit lib pkgs;
    config.services.lunix = values made.options.services.lunix services;
  };
in
{
  inherit (made) config;
  options = made.options.services.lunix;
}
