#!/bin/sh
# Run by Buildroot when all images are there, with the folder of the images and that of the board: an image that
# outgrows the flash fails the build. The image of the whole flash is made where the board has a layout for genimage.
set -eu

here=$(dirname "$0")
images=$1
board=$2

"$here/fits" "$board/flash.table" "$images"
if [ -e "$board/genimage.cfg" ]; then
	support/scripts/genimage.sh -c "$board/genimage.cfg"
fi
