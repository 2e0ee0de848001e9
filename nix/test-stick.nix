# The story of the stick, on a machine of its own: it is plugged in, it is told, it is mounted, and a toast is asked for.
{ testers, nixosModule }:
testers.runNixOSTest {
  name = "lunix-stick";

  nodes.machine =
    { pkgs, ... }:
    {
      imports = [ nixosModule ];
      services.lunix = {
        enable = true;
        mount.settings.automount = true;
      };
      environment.systemPackages = [ pkgs.dosfstools ];
      virtualisation.qemu.options = [ "-device qemu-xhci,id=stick" ];
    };

  testScript = ''
    import subprocess

    machine.wait_for_unit("lunix.target")
    for daemon in ("bus", "natsdev", "mount", "network", "ps", "log", "login", "power"):
        machine.wait_for_unit(f"lunix-{daemon}.service")

    disk = machine.state_dir / "stick.img"
    subprocess.run(["truncate", "-s", "64M", disk], check=True)
    machine.execute("lunix sub --count 1 hardware.usb.add >/tmp/seen 2>&1 &")
    machine.wait_until_succeeds("grep -q listening /tmp/seen")
    machine.send_monitor_command(f"drive_add 0 id=stick,if=none,format=raw,file={disk}")
    machine.send_monitor_command("device_add usb-storage,drive=stick,bus=stick.0")
    machine.wait_until_succeeds("grep -q hardware.usb.add /tmp/seen")

    machine.wait_until_succeeds("test -b /dev/sda")
    machine.succeed("mkfs.vfat -n HOLIDAYS /dev/sda")
    machine.wait_until_succeeds("findmnt /media/HOLIDAYS")
  '';
}
