#!/bin/sh
# kernel.sh ARCHIVE CONFIG OUT: the kernel, OUT/bzImage, and its configuration.
set -eu
archive=$1 config=$2 out=$3
mkdir "$out/source"
tar -xf "$archive" -C "$out/source" --strip-components=1
cd "$out/source"
# The code by which user space enters begins and ends on a page of 2 MiB, for page tables of its own (Meltdown), which
# this kernel has not: of 6 MiB for code, 3.4 would be empty, and still not be anybody's.
sed -i 's/^\(#define ALIGN_ENTRY_TEXT_[A-Z]*\)[\t ].*PMD_SIZE.*/\1 . = ALIGN(PAGE_SIZE);/' arch/x86/kernel/vmlinux.lds.S
[ "$(grep -c '^#define ALIGN_ENTRY_TEXT_.*(PAGE_SIZE);$' arch/x86/kernel/vmlinux.lds.S)" = 2 ]
# What a program has not touched is not mapped into it, and so is the first to go when memory is short.
sed -i '/^static unsigned long fault_around_bytes/,/;/s/65536/PAGE_SIZE/' mm/memory.c
grep -q 'rounddown_pow_of_two(PAGE_SIZE);' mm/memory.c
# What a program asks to be paged out is paged out also where others of its kind map it: here all are forked from one.
sed -i 's/if (!PageLRU(page) || page_mapcount(page) != 1)/if (!PageLRU(page))/' mm/madvise.c
grep -q 'if (!PageLRU(page))$' mm/madvise.c
# What a start does most is not made small: it unpacks all of the root, and copies thousands of pages after forks.
printf '\nccflags-y += -O2\n' >>lib/zstd/Makefile # which ends with a line to be continued
echo 'CFLAGS_copy_mc.o := -O2' >>arch/x86/lib/Makefile
make -s KCONFIG_ALLCONFIG="$config" allnoconfig
missing=
while IFS= read -r line; do
    case $line in
    '#'* | '') continue ;;
    *=n) grep -q "^${line%=n}=[ym]" .config && missing="$missing $line" ;;
    *) grep -qxF "$line" .config || missing="$missing $line" ;;
    esac
done <"$config"
[ -z "$missing" ] || {
    echo "no effect:$missing"
    exit 1
}
# Nothing of the one who builds is in it: the same sources make the same kernel.
export KBUILD_BUILD_USER=lunix KBUILD_BUILD_HOST=lunix KBUILD_BUILD_TIMESTAMP='1970-01-01' KBUILD_BUILD_VERSION=1
nice -n 2 make -s -j2 bzImage
cp arch/x86/boot/bzImage "$out/bzImage"
cp .config "$out/config"
rm -rf "$out/source"
