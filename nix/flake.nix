{
  description = "lunix: everything a Linux userspace knows and can do, on one NATS bus";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      forAll =
        make:
        lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
          system:
          make (
            import nixpkgs {
              inherit system;
              overlays = [ self.overlays.default ];
            }
          )
        );
      daemons = removeAttrs (builtins.fromJSON (builtins.readFile ./daemons.json)) [
        "bus"
        "init"
      ];
      # Adds the package, so that the module finds it.
      base = {
        imports = [ ./module.nix ];
        nixpkgs.overlays = [ self.overlays.default ];
      };
    in
    {
      overlays.default = import ./overlay.nix;

      packages = forAll (pkgs: {
        default = pkgs.lunix;
        inherit (pkgs) lunix;
        lunix-small = pkgs.lunix.override {
          withUdev = false;
          withDbus = false;
          withMqtt = false;
          withUvloop = false;
        };
      });

      # `default` has all options; that of a daemon enables it too.
      nixosModules = {
        default = base;
      }
      // lib.mapAttrs (name: _: {
        imports = [ base ];
        services.lunix.enable = true;
        services.lunix.${name}.enable = true;
      }) daemons;

      devShells = forAll (pkgs: {
        default = pkgs.callPackage ./shell.nix { };
      });

      # What `nix fmt` runs here.
      formatter = forAll (pkgs: pkgs.nixfmt-tree);

      checks = forAll (pkgs: {
        stick = pkgs.callPackage ./test-stick.nix { nixosModule = self.nixosModules.default; };
      });
    };
}
