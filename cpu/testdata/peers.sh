#!/bin/bash
# Times ebb beside PyTorch on the works of `ebb bench`, in turns, and prints the rows of docs/bench.md.
#
#	CGO_ENABLED=0 go build -o /tmp/ebb ./cmd/ebb && cpu/testdata/peers.sh /tmp/ebb [rounds]
#
# PyTorch comes from ../shared/peers/setup, in its fastest float32 mode for each work. Every round runs one process of each;
# the least time and the largest memory count. LOCK=file takes a lock while a process runs. Nothing else should run.
set -euo pipefail
ebb=$1 rounds=${2:-3}
peers=$(cd "$(dirname "$0")/../.." && pwd)/../shared/peers
python=$("$peers/setup" 2>/dev/null | tail -1)

run() { if [ -n "${LOCK:-}" ]; then flock "$LOCK" "$@"; else "$@"; fi </dev/null; }
field() { sed -n "s/.*\"$1\": *\([0-9.]*\).*/\1/p"; }
least() { sort -g | head -1; }
most() { sort -g | tail -1; }

echo '| work | PyTorch, s | ebb, s | ratio | PyTorch, MiB | ebb, MiB | ratio |'
echo '|---|---|---|---|---|---|---|'
while read -r work mode batch arguments; do
	theirs= ours=
	for _ in $(seq "$rounds"); do
		# shellcheck disable=SC2086 # arguments are words
		theirs+=$(run "$python" "$peers/torch_bench.py" --work "$work" --mode "$mode" --batch "$batch" $arguments 2>/dev/null | tail -1)$'\n'
		# shellcheck disable=SC2086
		ours+=$(run "$ebb" bench --work "$work" --batch "$batch" $arguments --json)$'\n'
	done
	awk -v work="$work $arguments, batch $batch" -v a="$(field s_per_step <<<"$theirs" | least)" -v b="$(field s_per_step <<<"$ours" | least)" \
		-v c="$(field peak_rss_mib <<<"$theirs" | most)" -v d="$(field peak_rss_mib <<<"$ours" | most)" \
		'BEGIN { printf "| %s | %.3f | %.3f | %.2f | %d | %d | %.2f |\n", work, a, b, b / a, c, d, d / c }'
done <<'WORKS'
unet-small fp32 16 --steps 6
unet-cifar fp32-cl 16 --steps 2
dit-s fp32 16 --steps 2
text-base fp32 16 --steps 2
unet-cifar fp32-cl 16 --sample 6
dit-s fp32 16 --sample 6
unet-cifar fp32-cl 1 --sample 20
WORKS
