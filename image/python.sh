#!/bin/sh
# python.sh PYTHON LIBFFI OUT: CPython on musl, with the modules that lunix needs inside of the program.
# OUT/bin/python3, OUT/lib/python3.13 (the whole standard library, as source), OUT/lib/ld-musl-x86_64.so.1.
set -eu
python=$1 libffi=$2 out=$3
here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
work=$out/work
# What is built does not change with the tree in the meantime.
mkdir -p "$work/python" "$work/libffi" "$work/made" "$out/bin" "$out/lib"
cp "$here/cc" "$work/cc"

tar -xf "$libffi" -C "$work/libffi" --strip-components=1
(
    cd "$work/libffi"
    ./configure -q CC="$work/cc" CFLAGS=-Os --prefix="$work/ffi" --disable-shared --disable-docs --disable-multi-os-directory
    nice -n 2 make -s -j2 install
)

tar -xf "$python" -C "$work/python" --strip-components=1
cp "$here/settle.c" "$work/python/Modules/"
# What neither lunix nor what it stands on imports, or can do without.
for module in \
    _bz2 _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw _crypt _csv _ctypes_test _curses \
    _curses_panel _dbm _elementtree _gdbm _hashlib _interpchannels _interpqueues _interpreters _lsprof _lzma \
    _multibytecodec _multiprocessing _posixshmem _sqlite3 _ssl _statistics _symtable _tkinter _xxtestfuzz \
    cmath faulthandler pyexpat readline syslog unicodedata xxlimited xxlimited_35 zlib; do
    export "py_cv_module_$module=n/a"
done
# An interpreter that rewrites its instructions as they run would copy each page of code that a daemon shares.
sed -i 's/^#define ENABLE_SPECIALIZATION 1$/#define ENABLE_SPECIALIZATION 0/' "$work/python/Include/internal/pycore_code.h"
grep -q '^#define ENABLE_SPECIALIZATION 1$' "$work/python/Include/internal/pycore_code.h" && exit 1
# Where methods were found is remembered in 96 KiB that every process writes: an eighth of it is as good for small ones.
sed -i 's/^#define MCACHE_SIZE_EXP 12$/#define MCACHE_SIZE_EXP 9/' "$work/python/Include/internal/pycore_typeobject.h"
grep -q '^#define MCACHE_SIZE_EXP 9$' "$work/python/Include/internal/pycore_typeobject.h"
# Nothing of this machine is found. What is meant is named, so that it is the same where there is no pkg-config.
export MODULE_BUILDTYPE=static PKG_CONFIG_LIBDIR="$work/ffi/lib/pkgconfig"
export LIBFFI_CFLAGS="-I$work/ffi/include" LIBFFI_LIBS="-L$work/ffi/lib -lffi"
cd "$work/made"
"$work/python/configure" -q CC="$work/cc" \
    OPT=-DNDEBUG CFLAGS='-Os -g0 -fno-pie -ffunction-sections -fdata-sections' \
    LDFLAGS="-no-pie -L$work/ffi/lib -Wl,--gc-sections -Wl,-z,noseparate-code" \
    --prefix=/usr --without-ensurepip --disable-test-modules --without-doc-strings \
    --without-static-libpython --without-mimalloc --without-readline
printf "*static*\nlunix_settle settle.c\n" >Modules/Setup.local
nice -n 2 make -s -j2 python
# A module that cannot be built is left out by configure without a word.
./python -I -S -c 'import _asyncio, _ctypes, _datetime, _json, _socket, _struct, lunix_settle, select; assert lunix_settle.settle()'
strip -o "$out/bin/python3" python
cp -L /lib/ld-musl-x86_64.so.1 "$out/lib/"
cp -r "$work/python/Lib" "$out/lib/python3.13"
# What sysconfig reads: zoneinfo asks it where the time zones are.
echo "build_time_vars = {'TZPATH': '/usr/share/zoneinfo'}" >"$out/lib/python3.13/_sysconfigdata__linux_x86_64-linux-musl.py"
rm -rf "$work"
