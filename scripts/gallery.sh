#!/usr/bin/env bash
# Renders every view of one trace of the demo, and the window: gallery.sh VLSCOPE FOLDER
set -euo pipefail
vlscope=$1
folder=$2
mkdir -p "$folder"
trace=$(ls assets/demo/*.safetensors | head -n 1)
for view in heads image text matrix links embedding thumbnails overlays timeline similarity lens window; do
    options=(--size 900x640)
    [ "$view" = window ] && options=(--size 1440x900 --dataset assets/demo)
    "$vlscope" render "$trace" --view "$view" "${options[@]}" --scale 2 -o "$folder/$view.png"
    echo "$folder/$view.png"
done
