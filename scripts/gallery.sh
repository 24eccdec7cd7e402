#!/usr/bin/env bash
# Renders every view of one scene, and the window on scenes, photographs and the demo: gallery.sh VLSCOPE FOLDER
set -euo pipefail
vlscope=$1
folder=$2
mkdir -p "$folder"

# draw NAME TRACE VIEW OPTIONS…
draw() {
    "$vlscope" render "$2" --view "$3" "${@:4}" --scale 2 -o "$folder/$1.png"
    echo "$folder/$1.png"
}

first() {
    find "assets/$1" -name "${2:-*}.safetensors" | sort | head -n 1
}

scene=$(first scenes)
# The head that finds the object of the answer, at the mark before it.
selection=(--layer 5 --head 4 --token 209)
for view in heads image text matrix links embedding thumbnails overlays timeline similarity lens lattice; do
    draw "$view" "$scene" "$view" "${selection[@]}" --size 900x640
done
draw window "$scene" window "${selection[@]}" --size 1440x900 --dataset assets/scenes
# What the [CLS] token of a ViT looks at on a photograph, and a question about a shape.
draw photograph "$(first photographs)" window --token 0 --size 1440x900 --dataset assets/photographs
draw demo "$(first demo "04-*")" window --size 1440x900 --dataset assets/demo
