"""`python -m vlscope import vl-interpret DB OUT`: traces of what other tools wrote."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .error import TraceError


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m vlscope")
    commands = parser.add_subparsers(required=True)
    importing = commands.add_parser("import", help="traces of what another tool wrote")
    importing.add_argument("kind", choices=["vl-interpret"])
    importing.add_argument("database", type=Path, help="a database of VL-InterpreT: data.mdb, or its folder")
    importing.add_argument("out", type=Path, help="the folder for the traces")
    options = parser.parse_args(arguments)
    from .readers import ReadError, vl_interpret

    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for trace in vl_interpret(options.database):
            path = options.out / f"{str(trace.id).rpartition('/')[2]}.safetensors"
            trace.save(path)
            print(path)
    except (ReadError, TraceError, OSError, ImportError) as error:
        print(f"vlscope: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
