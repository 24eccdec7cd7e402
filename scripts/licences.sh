#!/usr/bin/env bash
# Gathers the licences of all crates that the program is made of in python/vlscope/THIRD-PARTY.html, which the wheel carries.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v cargo-about >/dev/null || cargo install --quiet --locked cargo-about --features cli
cargo about generate --fail --config scripts/licences.toml scripts/licences.hbs --output-file python/vlscope/THIRD-PARTY.html
