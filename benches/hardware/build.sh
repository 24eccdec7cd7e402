#!/usr/bin/env bash
# Packs target/hardware-kit.tar.xz: programs, small traces, llvmpipe's pictures, and run.sh. docs/hardware.md says what for.
# build.sh dev packs a build that is made faster, to try the scripts.
set -euo pipefail
cd "$(dirname "$0")/../.."
readonly PROFILE=${1:-release} KIT=target/hardware-kit MOST_BYTES=25000000

# What the programs read, by the same paths as here; some tests read sources.
copied=(
    LICENSE-APACHE
    LICENSE-MIT
    assets/demo
    assets/photographs/chelsea.safetensors
    assets/scenes/0-which-green-thing-is-left-of-the-large-striped-green-thing.safetensors
    docs/statistics.md
    scripts/pictures.sh
    shaders
    src
    tests/golden/render
    tests/traces
)
programs=(vlscope kernels render hardware-report)

built=$(cargo build --profile "$PROFILE" --message-format=json-render-diagnostics \
    --bin vlscope --test kernels --test render --example hardware-report)
rm -rf "$KIT" && mkdir -p "$KIT/expected"
cp -r --parents "${copied[@]}" "$KIT"
cp benches/hardware/run.sh docs/hardware.md "$KIT"
for program in "${programs[@]}"; do
    executable=$(sed -n "s/.*\"name\":\"$program\".*\"executable\":\"\([^\"]*\)\".*/\1/p" <<<"$built" | tail -n 1)
    strip -o "$KIT/$program" "$executable"
done
echo "$("$KIT/vlscope" --version) ($(git describe --always --dirty))" >"$KIT/version"

# The pictures that a card's are compared with.
(cd "$KIT" && VK_LOADER_DRIVERS_SELECT='*lvp*' scripts/pictures.sh ./vlscope expected)

tar -C target -c --sort=name --owner=0 --group=0 hardware-kit | xz -9e >"$KIT.tar.xz"
bytes=$(stat -c %s "$KIT.tar.xz")
echo "$KIT.tar.xz: $bytes bytes"
if ((bytes > MOST_BYTES)); then
    echo "that is more than $MOST_BYTES" >&2
    exit 1
fi
