"""The image for a board of 64 MB of memory and 8 MB of flash: kernel, musl, CPython and lunix in one file.

    sources.toml, wheels.txt -> fetch -> *.sh (kernel, busybox, CPython) -> root -> squashfs -> flash -> boot

`make image` builds it below .cache/image, `make boot` starts it in QEMU, `make test-image` proves what is said of it.
"""
