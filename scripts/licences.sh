#!/usr/bin/env bash
# Gathers the licences of all crates that the program is made of, on this machine's platform, in
# python/vlscope/THIRD-PARTY.html, which the wheel carries.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-about >/dev/null || cargo install --quiet --locked cargo-about --features cli
target=$(rustc -vV | sed -n 's/^host: //p')
cargo fetch --quiet --locked --target "$target"
# Offline: of crates without a licence file it would otherwise clone the repositories.
cargo about generate --offline --fail --target "$target" --config scripts/licences.toml scripts/licences.hbs \
    --output-file python/vlscope/THIRD-PARTY.html
