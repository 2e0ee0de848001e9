#!/bin/sh
# musl.sh ARCHIVE OUT: the C library, OUT/ld-musl-x86_64.so.1; it runs what musl-gcc has linked with an older one.
set -eu
archive=$1 out=$2
mkdir "$out/source"
tar -xf "$archive" -C "$out/source" --strip-components=1
cd "$out/source"
# A third of Debian's are tables of character sets for iconv, which nothing on the image calls.
rm src/locale/iconv.c src/locale/iconv_close.c
./configure --disable-static CFLAGS=-Os >configure.log
nice -n 2 make -s -j2 lib/libc.so
strip -o "$out/ld-musl-x86_64.so.1" lib/libc.so
cd "$out"
rm -rf source
