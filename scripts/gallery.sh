#!/usr/bin/env bash
# Renders every view of one scene, and the window: gallery.sh VLSCOPE FOLDER
set -euo pipefail
vlscope=$1
folder=$2
mkdir -p "$folder"
trace=$(ls assets/scenes/*.safetensors | head -n 1)
# The head that finds the object of the answer, at the mark before it.
selection=(--layer 5 --head 4 --token 209)
for view in heads image text matrix links embedding thumbnails overlays timeline similarity lens joint lattice window; do
    options=(--size 900x640)
    [ "$view" = window ] && options=(--size 1440x900 --dataset assets/scenes)
    "$vlscope" render "$trace" --view "$view" "${selection[@]}" "${options[@]}" --scale 2 -o "$folder/$view.png"
    echo "$folder/$view.png"
done
