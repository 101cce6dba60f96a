#!/bin/bash
# Runs the AVX-512 kernels on a processor that lacks them: boots Linux in the emulator Bochs, whose processor has AVX-512, with
# nothing but a test binary of a package. It is some hundred times as slow as a processor.
#
#	cpu/testdata/avx512.sh build SOURCE        SOURCE is folder bochs of a checkout of github.com/bochs-emu/Bochs; some minutes
#	cpu/testdata/avx512.sh [-t SECONDS] PACKAGE [test flags ...]
#	cpu/testdata/avx512.sh ./cpu/internal/kernel -test.run /avx512 -test.skip 'GemmModes|ConvAgainst'
#
# Distributions build Bochs without AVX-512, so it is kept, like the guest's kernel, in ${EBB_BOCHS:-$HOME/.cache/ebb-bochs}.
# Needs a Debian of amd64 with isolinux, syslinux-common, xorriso and cpio; the kernel is that of package
# linux-image-cloud-amd64. Ends with the status of the tests, with 124 after SECONDS (3600), and with 3, saying why, where
# something is missing.
set -euo pipefail
missing() { echo "$1"; exit 3; }
cache=${EBB_BOCHS:-$HOME/.cache/ebb-bochs}
work=$(mktemp -d)
trap 'kill -9 ${emulator:-} 2>/dev/null || true; rm -rf "$work"' EXIT

if [ "${1:-}" = build ]; then
	source=$(cd "$2" && pwd)
	cp -r "$source" "$work/bochs" && cd "$work/bochs"
	CFLAGS="-O3 -march=native" CXXFLAGS="-O3 -march=native" ./configure --enable-x86-64 --enable-avx --enable-evex --enable-cpu-level=6 \
		--enable-all-optimizations --enable-handlers-chaining --enable-fast-function-calls --enable-repeat-speedups --enable-pci \
		--enable-cdrom --with-nogui --disable-docbook --disable-debugger --disable-readline
	make -j"$(nproc)"
	mkdir -p "$cache"
	cp bochs bios/BIOS-bochs-latest bios/VGABIOS-lgpl/VGABIOS-lgpl-latest.bin "$cache"
	exit
fi

limit=3600
[ "${1:-}" = -t ] && { limit=$2; shift 2; }
root=$(cd "$(dirname "$0")/../.." && pwd)
package=${1:?which package}; shift
isolinux=/usr/lib/ISOLINUX/isolinux.bin ldlinux=/usr/lib/syslinux/modules/bios/ldlinux.c32
for file in "$cache/bochs" "$cache/BIOS-bochs-latest" "$cache/VGABIOS-lgpl-latest.bin" $isolinux $ldlinux; do
	[ -f "$file" ] || missing "no file $file: the head of $0 says where it comes from"
done
for program in xorriso cpio dpkg-deb; do command -v $program >/dev/null || missing "no program $program"; done

if [ ! -f "$cache/vmlinuz" ]; then
	image=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image-/ {print $2; exit}')
	[ -n "$image" ] || missing "no package linux-image-cloud-amd64"
	(cd "$work" && apt-get download -qq "$image" 2>/dev/null && dpkg-deb -x ./*.deb kernel) || missing "cannot fetch package $image"
	cp "$work"/kernel/boot/vmlinuz-* "$cache/vmlinuz.part" && mv "$cache/vmlinuz.part" "$cache/vmlinuz"
	rm -rf "${work:?}"/*
fi

guest=$work/guest iso=$work/iso
mkdir -p "$guest"/{proc,sys,dev,tmp,package} "$iso/isolinux"
cd "$root"
CGO_ENABLED=0 go build -o "$guest/init" cpu/testdata/avx512/init.go
CGO_ENABLED=0 go test -c -o "$guest/test" "$package"
(cd "$package" && find . -type f -size -8M ! -name '*.go' -print0 | cpio -0 -pdm --quiet "$guest/package")
printf '%s\n' "$@" >"$guest/arguments"
(cd "$guest" && find . | cpio -o -H newc --quiet) >"$iso/initrd"
cp "$cache/vmlinuz" "$iso/vmlinuz"
cp $isolinux $ldlinux "$iso/isolinux/"
cat >"$iso/isolinux/isolinux.cfg" <<C
default l
prompt 0
timeout 0
label l
 kernel /vmlinuz
 initrd /initrd
 append console=ttyS0,115200 quiet loglevel=3 mitigations=off nokaslr nosmp audit=0 random.trust_cpu=on tsc=reliable clocksource=tsc no_timer_check nowatchdog rcupdate.rcu_cpu_stall_suppress=1 rdinit=/init
C
xorriso -as mkisofs -quiet -o "$work/cd.iso" -b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 \
	-boot-info-table "$iso" 2>/dev/null
cat >"$work/bochsrc" <<C
cpu: model=corei7_skylake_x, count=1, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=1024, host=1024
romimage: file=$cache/BIOS-bochs-latest
vgaromimage: file=$cache/VGABIOS-lgpl-latest.bin
display_library: nogui
boot: cdrom
ata0: enabled=1
ata0-master: type=cdrom, path=$work/cd.iso, status=inserted
com1: enabled=1, mode=file, dev=$work/serial
clock: sync=none, time0=utc
log: $work/log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
C
: >"$work/serial"
(cd "$work" && exec "$cache/bochs" -q -f bochsrc >stdout 2>&1 </dev/null) & emulator=$!
tail -f --pid=$emulator -c +1 "$work/serial" 2>/dev/null | tr -d '\r' & printer=$!
for ((second = 0; second < limit; second++)); do
	if grep -a -q '^ended: ' "$work/serial" || ! kill -0 $emulator 2>/dev/null; then break; fi
	sleep 1
done
sleep 1
kill -9 $emulator 2>/dev/null || true
wait $printer 2>/dev/null || true
status=$(grep -a -o '^ended: [0-9]*' "$work/serial" | tail -1 | cut -d' ' -f2 || true)
if [ -z "$status" ]; then
	[ $second -lt $limit ] || { echo "stopped after $limit seconds"; exit 124; }
	tail -n 5 "$work/log"; tail -n 5 "$work/stdout"
	missing "the emulator ended before the tests did"
fi
exit "$status"
