# nixpkgs with lunix in it.
final: _prev: { lunix = final.callPackage ./package.nix { }; }
