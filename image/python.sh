#!/bin/sh
# python.sh PYTHON LIBFFI ASKED OUT: CPython on musl, with the modules that lunix needs inside of the program.
# OUT/bin/python3, OUT/lib/python3.13 (the whole standard library, as source). ASKED names what libraries ask of it.
set -eu
python=$1 libffi=$2 asked=$3 out=$4
here=$(CDPATH='' cd -- "$(dirname "$0")" && pwd)
work=$out/work
# What is built does not change with the tree in the meantime.
mkdir -p "$work/python" "$work/libffi" "$work/made" "$out/bin" "$out/lib"
cp "$here/cc" "$work/cc"
cp "$asked" "$work/asked"

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
    _curses_panel _dbm _decimal _elementtree _gdbm _hashlib _interpchannels _interpqueues _interpreters _lsprof _lzma \
    _multibytecodec _multiprocessing _pickle _posixshmem _sqlite3 _ssl _statistics _symtable _tkinter _xxtestfuzz \
    cmath faulthandler pyexpat readline syslog unicodedata xxlimited xxlimited_35 zlib; do
    export "py_cv_module_$module=n/a"
done
# An interpreter that rewrites its instructions as they run would copy each page of code that a daemon shares.
sed -i 's/^#define ENABLE_SPECIALIZATION 1$/#define ENABLE_SPECIALIZATION 0/' "$work/python/Include/internal/pycore_code.h"
grep -q '^#define ENABLE_SPECIALIZATION 1$' "$work/python/Include/internal/pycore_code.h" && exit 1
# Where methods were found is remembered in 96 KiB that every process writes: an eighth of it is as good for small ones.
sed -i 's/^#define MCACHE_SIZE_EXP 12$/#define MCACHE_SIZE_EXP 9/' "$work/python/Include/internal/pycore_typeobject.h"
grep -q '^#define MCACHE_SIZE_EXP 9$' "$work/python/Include/internal/pycore_typeobject.h"
# Freed tuples are kept for the next ones, 2000 of each length, by every daemon for itself: a megabyte after some hours.
sed -i 's/PyTuple_MAXFREELIST 2000$/PyTuple_MAXFREELIST 20/' "$work/python/Include/internal/pycore_freelist.h"
grep -q 'PyTuple_MAXFREELIST 20$' "$work/python/Include/internal/pycore_freelist.h"
# The modules inside of the program are compiled as those of the image are: without docstrings and assertions.
sed -i 's/optimize=0, dont_inherit=True/optimize=2, dont_inherit=True/' "$work/python/Programs/_freeze_module.py"
grep -q 'optimize=2, dont_inherit=True' "$work/python/Programs/_freeze_module.py"
sed -i 's/Py_file_input, NULL, 0);/Py_file_input, NULL, 2);/' "$work/python/Programs/_freeze_module.c"
grep -q 'Py_file_input, NULL, 2);' "$work/python/Programs/_freeze_module.c"
# Nothing of this machine is found. What is meant is named, so that it is the same where there is no pkg-config.
export MODULE_BUILDTYPE=static PKG_CONFIG_LIBDIR="$work/ffi/lib/pkgconfig"
export LIBFFI_CFLAGS="-I$work/ffi/include" LIBFFI_LIBS="-L$work/ffi/lib -lffi"
cd "$work/made"
"$work/python/configure" -q CC="$work/cc" \
    OPT=-DNDEBUG CFLAGS='-Os -g0 -fno-pie -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections' \
    LDFLAGS="-no-pie -L$work/ffi/lib -Wl,--gc-sections -Wl,-z,noseparate-code -Wl,--hash-style=gnu" \
    LINKFORSHARED="-Wl,--dynamic-list=$work/asked" \
    --prefix=/usr --without-ensurepip --disable-test-modules --without-doc-strings \
    --without-static-libpython --without-mimalloc --without-readline
printf "*static*\nlunix_settle settle.c\n" >Modules/Setup.local
# What a start does most is not made small: reference counts and look-ups in dictionaries are then no calls.
for name in Objects/call Objects/descrobject Objects/dictobject Objects/object Objects/obmalloc Objects/tupleobject \
    Objects/typeobject Python/ceval Python/gc Python/marshal; do
    test -e "$work/python/$name.c"
    echo "$name.o: PY_CORE_CFLAGS += -O2"
done >"$work/fast.mk"
nice -n 2 make -s -j2 -f Makefile -f "$work/fast.mk" python
# A module that cannot be built is left out by configure without a word.
./python -I -S -c 'import _asyncio, _ctypes, _datetime, _json, _socket, _struct, lunix_settle, select; assert lunix_settle.settle()'
strip -o "$out/bin/python3" python
cp -r "$work/python/Lib" "$out/lib/python3.13"
# What sysconfig reads: zoneinfo asks it where the time zones are.
echo "build_time_vars = {'TZPATH': '/usr/share/zoneinfo'}" >"$out/lib/python3.13/_sysconfigdata__linux_x86_64-linux-musl.py"
rm -rf "$work"
