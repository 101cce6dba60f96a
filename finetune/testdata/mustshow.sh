#!/bin/sh
# The experiments of docs/finetuning.md, on CIFAR-10:   sh mustshow.sh EBB DATA OUT [CONFIG]
# EBB is the program, DATA the folder with cifar10-train.zip and cifar10-valid.zip, OUT a folder for runs and numbers (some 200 MB), CONFIG a
# TOML file that changes the network that is trained first (rehearsal.toml: minutes instead of half an hour on two cores). Runs that are there
# already are not trained again.
set -eu
ebb=$1 data=$2 out=$3 here=$(cd "$(dirname "$0")" && pwd)
config=${4:+--config $(realpath "$4")}
class=frog images=1600
mkdir -p "$out"
test -f "$out/data/nine.zip" || python3 "$here/classes.py" "$data" "$out/data" $class 500
cd "$out"

# One line of JSON: what was measured, then the held-out error of the noise estimate by step of linear betas, on 200 pictures.
measure() {
	printf '%s ' "$1" >>numbers.txt
	"$ebb" eval "$2" --data "$3" --images 200 --batch 50 --json >>numbers.txt
	tail -n 1 numbers.txt
}
both() {
	measure "$1 tenth" "$2" data/tenth-valid.zip
	measure "$1 nine" "$2" data/nine-valid.zip
}
tune() {
	name=$1
	shift
	"$ebb" finetune nine --run "$name" --batch 32 --set held_out.images=100 --set held_out.batch=50 --set train.eval_every=800 \
		--set train.save_every=800 --set train.sample_every=0 "$@" >"$name.log" 2>&1
}
: >numbers.txt

# 5. Nine classes, then the tenth with 500 pictures.
test -d nine/model || "$ebb" train --recipe cifar10-small $config --data data/nine.zip --valid data/nine-valid.zip --run nine --images 51200 >nine.log 2>&1
both base nine
tune whole --data data/tenth.zip --valid data/tenth-valid.zip --images $images
both whole whole/model
tune lora --data data/tenth.zip --valid data/tenth-valid.zip --images $images --lora 4
both lora lora/model
tune mixed --data data/tenth.zip --valid data/tenth-valid.zip --images $images --mix 0.2
both mixed mixed/model
test -d scratch/model || "$ebb" train --recipe cifar10-small $config --data data/tenth.zip --valid data/tenth-valid.zip --run scratch --batch 32 \
	--images $((10 * images)) >scratch.log 2>&1
measure "scratch tenth" scratch data/tenth-valid.zip

# 6. Linear betas, then cosine shifted towards little noise, on the nine classes; and as long without that change. The network stays the
# one of linear betas inside, so its weights are measured at the steps of those.
tune linear --data data/nine.zip --valid data/nine-valid.zip --images $images
measure "linear nine" linear/model data/nine-valid.zip
tune shifted --data data/nine.zip --valid data/nine-valid.zip --images $images --set diffusion.schedule=cosine --set diffusion.shift=0.5
rm -rf native && cp -r shifted/model native
awk '/^\[/ {skip = /finetune.native/} !skip' shifted/model/config.toml |
	sed "s/^schedule = 'cosine'/schedule = 'linear'/; s/^shift = 0.5/shift = 0.0/" >native/config.toml
measure "shifted nine" native data/nine-valid.zip
