"""Every view of four kinds of data beside each other, and the window in its sizes, to be judged by the eye.

    python scripts/contact_sheet.py target/release/vlscope docs/pictures

writes `sheet-paper.png`, `sheet-dark.png`, `sheet-deuteranopia.png` (the first as somebody sees it who lacks the green
cones: Machado et al. 2009, doi 10.1109/TVCG.2009.113, table 1, severity 1) and `sheet-window.png`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL = (480, 320)
GAP, NAME = 8, 16
FONT = "assets/fonts/Inter-Regular.otf"
BACKGROUND, INK = (238, 238, 240), (60, 60, 66)
DEUTERANOPIA = np.array(
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)
WINDOWS = [
    ("1280×720", ["--size", "1280x720"]),
    ("1920×1080", ["--size", "1920x1080"]),
    ("900×600", ["--size", "900x600"]),
    ("1280×720, scale 2", ["--size", "1280x720", "--scale", "2"]),
]


class Sheets:
    def __init__(self, vlscope: str, made: Path) -> None:
        self.vlscope, self.made = vlscope, made
        self.many = made / "many.safetensors"
        size = ["--layers", "32", "--heads", "32", "--head-dim", "16", "--text", "64", "--grid", "24x24"]
        self.run("synth", "-q", "--queries-keys", *size, "-o", str(self.many))

    def run(self, *words: str) -> None:
        subprocess.run([self.vlscope, *words], check=True)

    def views(self) -> list[str]:
        """As the program lists them."""
        line = [self.vlscope, "render", "none", "--view", "none", "-o", "none.png"]
        said = subprocess.run(line, capture_output=True, text=True, check=False).stderr
        listed = re.search(r"possible values: (.*)]", said)
        assert listed, said
        return [view for view in listed[1].split(", ") if view != "window"]

    def data(self) -> list[tuple[str, list[str]]]:
        scene = next(Path("assets/scenes").glob("0-*.safetensors"))
        return [
            ("scene", [str(scene), "--layer", "5", "--head", "4", "--token", "209"]),
            ("photograph", ["assets/photographs/chelsea.safetensors", "--layer", "11", "--token", "0"]),
            ("encoder-decoder", ["tests/traces/encoder-decoder.safetensors", "--block", "cross", "--token", "1"]),
            ("32 × 32 heads, 640 tokens", [str(self.many), "--layer", "20", "--head", "3", "--token", "600"]),
        ]

    def picture(self, words: list[str], theme: str) -> Image.Image:
        path = self.made / "picture.png"
        self.run("render", *words, "--theme", theme, "-o", str(path))
        with Image.open(path) as found:
            return found.convert("RGB")

    def of_views(self, theme: str) -> Image.Image:
        size = ["--size", f"{CELL[0]}x{CELL[1]}"]
        rows = [
            [(f"{view} · {name}", self.picture([*words, "--view", view, *size], theme)) for name, words in self.data()]
            for view in self.views()
        ]
        return sheet(rows, CELL)

    def of_windows(self) -> Image.Image:
        rows = []
        for name, words in self.data():
            for theme in ("dark", "light"):
                drawn = [self.picture([*words, "--view", "window", *size], theme) for _, size in WINDOWS]
                rows.append([(f"{name} · {size}", picture) for (size, _), picture in zip(WINDOWS, drawn, strict=True)])
        return sheet(rows, (640, 360))


def sheet(rows: list[list[tuple[str, Image.Image]]], cell: tuple[int, int]) -> Image.Image:
    step = (cell[0] + GAP, cell[1] + NAME + GAP)
    whole = Image.new("RGB", (max(map(len, rows)) * step[0] + GAP, len(rows) * step[1] + GAP), BACKGROUND)
    draw, font = ImageDraw.Draw(whole), ImageFont.truetype(FONT, 11)
    for down, row in enumerate(rows):
        for right, (name, picture) in enumerate(row):
            left, top = GAP + right * step[0], GAP + down * step[1]
            draw.text((left, top), name, fill=INK, font=font)
            picture.thumbnail(cell, Image.Resampling.LANCZOS)
            whole.paste(picture, (left, top + NAME))
    return whole


def without_green_cones(picture: Image.Image) -> Image.Image:
    values = np.asarray(picture, np.float64) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ DEUTERANOPIA.T, 0, 1)
    encoded = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return Image.fromarray(np.round(encoded * 255).astype(np.uint8))


def save(picture: Image.Image, path: Path) -> None:
    picture.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path)


def main() -> None:
    vlscope, folder = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as made:
        sheets = Sheets(str(Path(vlscope).resolve()), Path(made))
        paper = sheets.of_views("paper")
        save(paper, folder / "sheet-paper.png")
        save(without_green_cones(paper), folder / "sheet-deuteranopia.png")
        save(sheets.of_views("dark"), folder / "sheet-dark.png")
        save(sheets.of_windows(), folder / "sheet-window.png")


if __name__ == "__main__":
    main()
