#!/bin/sh
# Compile the context self test for aarch64 and run it under an emulator, with
# and without enforced branch targets: the switch differs between the two.
#
# usage: run_aarch64.sh source-root build-directory
# Exits with 77 (meson: skipped) when a tool is missing.
set -eu

root=$1
build=$2
compiler=${AARCH64_CC:-aarch64-linux-gnu-gcc}
emulator=${AARCH64_QEMU:-qemu-aarch64}

for tool in "$compiler" "$emulator"; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "skipped: $tool is not installed"
		exit 77
	fi
done

for protection in none standard; do
	program=$build/context_selftest_aarch64_$protection
	"$compiler" -std=gnu17 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE \
		-mbranch-protection=$protection \
		-I"$root/include" -I"$root/src" -static -pthread \
		-o "$program" \
		"$root/tests/cross/context_selftest.c" \
		"$root/src/actor/context_aarch64.S" \
		"$root/src/actor/fiber.c" \
		"$root/src/base/check.c" \
		"$root/src/mem/pages.c" \
		"$root/src/mem/stack.c"
	echo "branch protection $protection:"
	"$emulator" -cpu max "$program"
done
