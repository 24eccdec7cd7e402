#!/usr/bin/env bash
# Installs the Debian packages that are missing for a purpose: window, test or python. Says what it does.
set -euo pipefail

window=(libvulkan1 mesa-vulkan-drivers libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2 libxkbcommon0 libxkbcommon-x11-0)
case "${1:-}" in
    window) wanted=("${window[@]}") ;;
    test) wanted=("${window[@]}" xvfb xdotool poppler-utils) ;;
    python) wanted=(); python3 -c 'import venv, ensurepip' 2>/dev/null || wanted=(python3 python3-venv) ;;
    *) echo "usage: $0 window|test|python" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
    [ ${#wanted[@]} -eq 0 ] || echo "Not a Debian: please see that you have what these packages hold: ${wanted[*]}"
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "Installing missing system packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
