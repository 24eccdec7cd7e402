#!/usr/bin/env bash
# Renders the pictures of docs/views.md: pictures.sh VLSCOPE FOLDER
set -euo pipefail
vlscope=$1
folder=$2
mkdir -p "$folder"
demo=assets/demo/02-what-shape-does-the-image-contain.safetensors
scene=assets/scenes/0-which-green-thing-is-left-of-the-large-striped-green-thing.safetensors
two_images=tests/traces/multi-image.safetensors
translation=tests/traces/encoder-decoder.safetensors

picture() {
    local name=$1
    shift
    "$vlscope" render "$@" --scale 1.5 -o "$folder/$name.png"
    echo "$folder/$name.png"
}

picture heads "$demo" --view heads --size 640x420
picture heads-encoder-decoder "$translation" --view heads --block cross --z-score all --size 640x420
picture thumbnails "$demo" --view thumbnails --size 560x560
picture thumbnails-encoder-decoder "$translation" --view thumbnails --block cross --size 640x420
picture overlays "$demo" --view overlays --token 0 --size 640x420
picture overlays-multi-image "$two_images" --view overlays --token 0 --size 640x420
photograph=assets/photographs/chelsea.safetensors
picture lattice "$photograph" --view lattice --token 0 --size 640x760
picture pins "$photograph" --view pins --pin L11H2 --layer 5 --head 3 --token 0 --size 860x300
picture image "$demo" --view image --token 0 --size 560x480
picture image-multi-image "$two_images" --view image --token 0 --size 760x420
picture links "$demo" --view links --token 0 --size 720x480
picture links-encoder-decoder "$translation" --view links --block cross --size 720x480
picture text "$demo" --view text --token 0 --size 640x200
picture text-encoder-decoder "$translation" --view text --block cross --token 1 --size 640x200
picture timeline "$demo" --view timeline --size 640x300
picture timeline-encoder-decoder "$translation" --view timeline --block decoder --size 720x420
picture matrix "$demo" --view matrix --layer 3 --head 1 --size 640x520
picture matrix-encoder-decoder "$translation" --view matrix --block cross --size 640x420
picture embedding "$demo" --view embedding --align shared --trajectories --token 0 --neighbours cosine --size 760x480
picture embedding-multi-image "$two_images" --view embedding --patches --size 640x420
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
"$vlscope" synth -q --queries-keys --layers 6 --heads 4 --text 12 --frames 2 --grid 3x4 -o "$made/video.safetensors"
picture lens "$made/video.safetensors" --view lens --token 27 --size 760x320
"$vlscope" synth -q --queries-keys --layers 2 --heads 4 --text 40 --frames 10 --grid 14x14 -o "$made/long.safetensors"
picture image-video "$made/long.safetensors" --view image --layer 1 --head 3 --token 1980 --size 640x480
picture matrix-long "$made/long.safetensors" --view matrix --layer 1 --head 3 --size 640x520
picture joint "$made/video.safetensors" --view joint --layer 3 --head 1 --token 27 --size 640x520
picture joint-heads "$made/video.safetensors" --view joint --layer 3 --size 640x520
picture similarity "$demo" --view similarity --size 480x420
compare() {
    "$vlscope" compare assets/demo/00-what-color-is-the-shape.safetensors "$demo" --view "$1" --token 0 \
        --size 1080x420 --scale 1.5 -o "$folder/compare-$1.png"
    echo "$folder/compare-$1.png"
}

compare heads
compare image
compare text
# The demo's folder stays as it is.
index=$(mktemp -d)
trap 'rm -rf "$index"' EXIT
"$vlscope" index assets/demo --index-dir "$index" --hidden-states all --quiet
"$vlscope" atlas assets/demo --index-dir "$index" --statistic mass.text.image --filter is:right --against is:wrong \
    --size 640x420 --scale 1.5 -o "$folder/head-atlas.png"
"$vlscope" tokens assets/demo --index-dir "$index" --state 4 --size 640x420 --scale 1.5 -o "$folder/token-atlas.png"
echo "$folder/head-atlas.png $folder/token-atlas.png"
"$vlscope" render "$scene" --dataset assets/scenes --view window --layer 5 --head 4 --token 209 \
    --to "region:small dotted green circle" --size 1440x900 --theme dark -o "$folder/window.png"
echo "$folder/window.png"
