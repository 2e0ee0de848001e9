#!/bin/sh
# busybox.sh ARCHIVE CONFIG OUT: busybox on musl, OUT/busybox, and OUT/applets with the paths of its applets.
set -eu
archive=$1 config=$2 out=$3
here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
mkdir "$out/source"
cp "$here/cc" "$out/cc" # what is built does not change with the tree in the meantime
tar -xf "$archive" -C "$out/source" --strip-components=1
cd "$out/source"
make -s allnoconfig >/dev/null
sed -n 's/^\(CONFIG_[^=]*\)=.*/\1/p' "$config" >keys
grep -vwFf keys .config >rest
cat "$config" rest >.config
yes '' | make -s oldconfig >/dev/null
while IFS= read -r line; do
    case $line in
    '#'* | '' | *=n) continue ;;
    *) grep -qxF "$line" .config || { echo "no effect: $line" && exit 1; } ;;
    esac
done <"$config"
nice -n 2 make -s -j2 CC="$out/cc" HOSTCC=gcc busybox busybox.links
cp busybox "$out/busybox"
cp busybox.links "$out/applets"
cd "$out"
rm -rf source cc
