"""An automation of the image: usb → hardware.usb.add → toast.in."""
