"""Which kernel modules the guest has, and the order in which the initramfs loads its own.

Pure: names and the text of modules.dep in, names out (modules.dep(5): ``path: dependency …``).
"""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

# Loaded by the initramfs: the disks of the image, its file systems and the control port.
BOOT_MODULES = ("virtio_pci", "virtio_console", "virtio_blk", "squashfs", "overlay")

# In the image, loaded only when somebody asks. A name that ends with a slash is a whole folder.
IMAGE_MODULES = (
    # USB: hosts, storage, input, serial, network
    *("xhci_pci", "ehci_pci", "uhci_hcd", "usb_storage", "uas", "usbhid", "hid_generic"),
    *("ftdi_sio", "cdc_acm", "cdc_ether", "rndis_host", "dummy_hcd", "vhci_hcd", "usbip_host"),
    # disks and file systems
    *("sd_mod", "sr_mod", "sg", "virtio_scsi", "scsi_debug", "ata_piix", "ahci", "nvme", "loop", "zram"),
    *("dm_mod", "dm_crypt", "ext4", "vfat", "msdos", "exfat", "isofs", "udf", "fuse", "fs/nls/"),
    # network
    *("veth", "dummy", "bridge", "8021q", "macvlan", "tun", "virtio_net", "e1000"),
    *("mac80211_hwsim", "cfg80211"),
    # Bluetooth, with the ciphers that its pairing and the test controller use
    *("hci_vhci", "bluetooth", "bnep", "rfcomm", "hidp", "uhid", "af_alg", "algif_hash"),
    *("algif_skcipher", "ecb", "cmac", "crypto/"),
    # watchdogs, input, power
    *("i6300esb", "softdog", "uinput", "evdev", "button", "psmouse", "pcspkr", "virtio_rng"),
)

Dependencies = Mapping[str, tuple[str, ...]]


def parse_dependencies(text: str) -> Dependencies:
    """Read modules.dep: the path of each module and those it needs, the deepest last."""
    lines = (line.partition(":") for line in text.splitlines())
    return {path: tuple(needed.split()) for path, _, needed in lines}


def module_name(path: str) -> str:
    """The kernel's name of a module file: ``usb-storage.ko.xz`` is ``usb_storage``."""
    return PurePosixPath(path).name.partition(".ko")[0].replace("-", "_")


def closure(wanted: Iterable[str], dependencies: Dependencies) -> list[str]:
    """The paths of the wanted modules and of all they need, in an order in which they can be loaded.

    A name that the kernel lacks, as a module, is built in or is not of this kernel: it is left out.
    """
    by_name = {module_name(path): path for path in dependencies}
    ordered: dict[str, None] = {}
    for name in wanted:
        for path in _matching(name, by_name, dependencies):
            ordered.update(dict.fromkeys(reversed(dependencies[path])))
            ordered[path] = None
    return list(ordered)


def _matching(name: str, by_name: Mapping[str, str], dependencies: Dependencies) -> list[str]:
    if name.endswith("/"):
        return [path for path in dependencies if path.startswith(f"kernel/{name}")]
    path = by_name.get(name)
    return [] if path is None else [path]
