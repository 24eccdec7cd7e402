#!/usr/bin/env bash
# Tries vlscope on this machine's graphics card, in six minutes at most, and writes results/results.md and .json.
# It needs a Vulkan driver, bash, coreutils and 7 GB of disk beside it; no display, no network.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
readonly MOST_SECONDS=350
rm -rf results work && mkdir -p results/pictures work || exit 1
trap 'rm -rf work' EXIT
# What it writes stays here: many a /tmp is too small.
export TMPDIR=$PWD/work HOME=$PWD/work XDG_RUNTIME_DIR=$PWD/work

cp version results/kit
processor=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$(uname -srm), ${processor:-unknown processor}" >results/machine

# part NAME SECONDS COMMAND: what it prints goes to NAME.out and NAME.err, how it ends to parts.
part() {
    local name=$1 limit=$2 begin=$SECONDS
    shift 2
    ((limit > MOST_SECONDS - begin)) && limit=$((MOST_SECONDS - begin))
    if ((limit < 1)); then
        echo "$name 124 0" >>results/parts
        return
    fi
    echo "$name …"
    timeout -k 5 "$limit" "$@" >"results/$name.out" 2>"results/$name.err" </dev/null
    echo "$name $? $((SECONDS - begin))" >>results/parts
}

part devices 10 ./vlscope devices --json
# Every kernel against its counterpart on the processor, and every pass against its picture.
part kernels 150 ./kernels
part passes 40 ./render
part pictures 60 scripts/pictures.sh ./vlscope results/pictures
part synth-small 10 ./vlscope synth --layers 12 --heads 12 --text 41 --grid 12x12 --dim 768 -o work/small.safetensors
part bench-small 90 ./vlscope bench work/small.safetensors --json --compute gpu
part synth-large 30 ./vlscope synth --layers 32 --heads 32 --text 64 --grid 24x24 -o work/large.safetensors
part bench-large 90 ./vlscope bench work/large.safetensors --json
rm -f work/*.safetensors
# 3.8 GB: 28 layers of 28 heads and 4 key heads, 16,384 tokens.
part synth-queries 40 ./vlscope synth --queries-keys --layers 28 --heads 28 --key-heads 4 --head-dim 128 --text 64 --frames 17 --grid 24x40 --dim 0 -o work/queries.safetensors
part bench-queries 70 ./vlscope bench work/queries.safetensors --json --compute gpu --numbers
rm -f work/*.safetensors
part pages-beyond-4-gib 90 ./kernels --ignored pages_beyond

[ -d target/golden-failures ] && mv target/golden-failures results/
./hardware-report results expected
well=$?
[ -f results/results.md ] && cat results/results.md
exit $well
