"""Panning many points at 1280×720: vlscope beside datoviz, pygfx, and plotly's scattergl in headless Chromium.

pip install -r benches/peers/requirements.txt
python benches/peers/points.py --vlscope target/release/vlscope

Everyone draws the same points: spread evenly (the R₂ sequence), 6 pixels wide, one colour, 80 % opaque. The points are
there already; a frame moves the view by less than two pixels and is waited for. The first frame, which uploads and
compiles, is left out. A figure is the median of a process's frames; vlscope is measured before the others and after
them, and has the mean of both. What differs:

- vlscope draws into a texture and waits for it (`vlscope bench`, `pan_ms`);
- datoviz draws into a window and shows it (without one its version 0.3.5 aborts on the second frame);
- pygfx draws into a texture and reads it back; its smoothing of the whole frame (`ppaa`) is off, which is faster;
- plotly relays out its axes and draws; a pixel of each of its canvases is read to wait for it. It is measured on the
  machine's Vulkan, as the others are, and on SwiftShader, which headless Chromium takes by itself.

The frame of one point, measured as well, is what all of that costs without points.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 1280, 720
COUNTS = (1, 100_000, 1_000_000)
COLOR = (0x4C, 0x9B, 0xE8, 0xCC)
DIAMETER = 6.0
STEP = (1.5, 0.5)
#: Frames after the first.
FRAMES = 5


def places(count: int) -> Any:
    """`[count, 2]`, 0 to 1: the R₂ sequence of Martin Roberts (2018), as in src/cli/bench/passes.rs."""
    import numpy as np

    steps = np.array([0.7548776662466927, 0.5698402909980533])
    return (0.5 + np.arange(count)[:, None] * steps) % 1.0


def datoviz(count: int) -> dict[str, Any]:
    import datoviz as dvz
    import numpy as np
    from datoviz import _ctypes as c_api

    app = dvz.App()
    figure = app.figure(WIDTH, HEIGHT)
    panel = figure.panel()
    # The class has no method for panning; the library below it has.
    panzoom = panel.panzoom().c_panzoom
    position = np.zeros((count, 3), np.float32)
    position[:, :2] = 2 * places(count) - 1
    color = np.full((count, 4), COLOR, np.uint8)
    panel.add(app.point(position=position, color=color, size=np.full(count, DIAMETER, np.float32)))
    begins: list[float] = []

    @app.on_frame(figure)
    def pan(_: Any) -> None:
        begins.append(time.perf_counter())
        shift = [2 * step * len(begins) / side for step, side in zip(STEP, (WIDTH, HEIGHT), strict=True)]
        c_api.panzoom_pan(panzoom, c_api.vec2(*shift))
        panel.update()

    # From one beginning to the next; the first frames also build the swapchain.
    app.run(FRAMES + 4)
    return {"ms": [1e3 * (end - begin) for begin, end in pairwise(begins)][-FRAMES:]}


def pygfx(count: int) -> dict[str, Any]:
    import numpy as np
    import pygfx as gfx
    from rendercanvas.offscreen import OffscreenRenderCanvas

    canvas = OffscreenRenderCanvas(size=(WIDTH, HEIGHT), pixel_ratio=1)
    renderer = gfx.renderers.WgpuRenderer(canvas, pixel_ratio=1, ppaa="none")
    position = np.zeros((count, 3), np.float32)
    position[:, :2] = places(count) * (WIDTH, HEIGHT)
    material = gfx.PointsMaterial(color=tuple(part / 255 for part in COLOR), size=DIAMETER)
    scene = gfx.Scene()
    scene.add(gfx.Background.from_color("#101216"), gfx.Points(gfx.Geometry(positions=position), material))
    camera = gfx.OrthographicCamera(WIDTH, HEIGHT, maintain_aspect=False)
    canvas.request_draw(lambda: renderer.render(scene, camera))

    def frame(number: int) -> None:
        camera.local.position = (WIDTH / 2 + STEP[0] * number, HEIGHT / 2 + STEP[1] * number, 0)
        canvas.draw()

    return {"ms": timed(frame), "adapter": renderer.device.adapter.summary}


def timed(frame: Callable[[int], None]) -> list[float]:
    """Milliseconds of each frame after the first."""
    taken = []
    for number in range(FRAMES + 1):
        begin = time.perf_counter()
        frame(number)
        taken.append(1e3 * (time.perf_counter() - begin))
    return taken[1:]


_PLOTLY = """async ([count, frames, diameter, dx, dy]) => {
    const x = new Float32Array(count), y = new Float32Array(count);
    for (let i = 0; i < count; i++) {
        x[i] = (0.5 + i * 0.7548776662466927) % 1;
        y[i] = (0.5 + i * 0.5698402909980533) % 1;
    }
    const marker = {size: diameter, color: '#4c9be8', opacity: 0.8};
    const layout = {
        width: innerWidth, height: innerHeight, margin: {l: 0, r: 0, t: 0, b: 0}, plot_bgcolor: '#101216',
        xaxis: {range: [0, 1], visible: false}, yaxis: {range: [0, 1], visible: false},
    };
    await Plotly.newPlot('plot', [{type: 'scattergl', mode: 'markers', x, y, marker}], layout, {staticPlot: true});
    const contexts = [...document.querySelectorAll('canvas')].map(canvas => canvas.getContext('webgl')).filter(Boolean);
    const pixel = new Uint8Array(4), ms = [];
    for (let k = 0; k <= frames; k++) {
        const begin = performance.now();
        const [right, up] = [dx * k / innerWidth, dy * k / innerHeight];
        await Plotly.relayout('plot', {'xaxis.range': [right, 1 + right], 'yaxis.range': [up, 1 + up]});
        for (const gl of contexts) gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
        ms.push(performance.now() - begin);
    }
    const names = contexts[0].getExtension('WEBGL_debug_renderer_info');
    return {ms: ms.slice(1), adapter: contexts[0].getParameter(names.UNMASKED_RENDERER_WEBGL)};
}"""


def plotly(count: int) -> dict[str, Any]:
    return _plotly(
        count, ["--use-gl=angle", "--use-angle=vulkan", "--enable-features=Vulkan", "--ignore-gpu-blocklist"]
    )


def plotly_swiftshader(count: int) -> dict[str, Any]:
    return _plotly(count, [])


def _plotly(count: int, options: list[str]) -> dict[str, Any]:
    import plotly as package
    from playwright.sync_api import sync_playwright

    script = (Path(package.__file__).parent / "package_data" / "plotly.min.js").read_text()
    with sync_playwright() as playwright:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *options])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_content("<body style='margin: 0'><div id='plot'></div></body>")
        page.add_script_tag(content=script)
        result: dict[str, Any] = page.evaluate(_PLOTLY, [count, FRAMES, DIAMETER, *STEP])
        browser.close()
    return result


PEERS = {"datoviz": datoviz, "pygfx": pygfx, "plotly": plotly, "plotly-swiftshader": plotly_swiftshader}


def measure(peer: str, count: int) -> dict[str, Any]:
    """One peer in a process of its own, which may crash; `error` says so."""
    command = [sys.executable, __file__, "--peer", peer, "--count", str(count)]
    if peer == "datoviz" and not os.environ.get("DISPLAY"):
        command = ["xvfb-run", "-a", "-s", f"-screen 0 {WIDTH + 100}x{HEIGHT + 100}x24", *command]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        result: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
        return result
    except (IndexError, ValueError):
        return {"error": (finished.stderr.strip().splitlines() or ["no output"])[-1]}


def vlscope(binary: Path) -> tuple[dict[int, float], str]:
    """The median of each count, in milliseconds, and the adapter. The trace plays no part in it, so it is small."""
    with tempfile.TemporaryDirectory() as directory:
        trace = Path(directory) / "small.safetensors"
        size = ["--layers", "2", "--heads", "2", "--text", "8", "--grid", "4x4"]
        subprocess.run([binary, "synth", *size, "-o", trace], check=True, stdout=subprocess.DEVNULL)
        bench = [binary, "bench", trace, "--json", "--quiet", "--size", f"{WIDTH}x{HEIGHT}"]
        report = json.loads(subprocess.run(bench, check=True, capture_output=True).stdout)
    medians = {count: report["pan_ms"].get(f"points_{count}", {}).get("median") for count in COUNTS}
    return {count: median for count, median in medians.items() if median is not None}, report["adapter"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vlscope", type=Path, default=Path("target/release/vlscope"))
    parser.add_argument("--peer", choices=PEERS, help="measure this one alone, as JSON")
    parser.add_argument("--count", type=int, default=COUNTS[1], help="of points, with --peer")
    arguments = parser.parse_args()
    if arguments.peer:
        print(json.dumps(PEERS[arguments.peer](arguments.count)))
        return

    binary = arguments.vlscope.absolute()
    before, adapter = vlscope(binary)
    adapters = {"vlscope": adapter}
    measured: dict[str, dict[int, dict[str, Any]]] = {}
    for peer in PEERS:
        measured[peer] = {count: measure(peer, count) for count in COUNTS}
        adapters[peer] = measured[peer][COUNTS[0]].get("adapter", "the first of Vulkan's")
    after, _ = vlscope(binary)
    own = {count: (before[count] + after[count]) / 2 for count in before}

    print("| ms a frame | " + " | ".join(f"{count:,} points" if count > 1 else "1 point" for count in COUNTS) + " |")
    print("| --- |" + " ---: |" * len(COUNTS))
    print("| vlscope | " + " | ".join(f"{own[count]:.0f}" if count in own else "" for count in COUNTS) + " |")
    for peer, results in measured.items():
        cells = [cell(result, own.get(count)) for count, result in results.items()]
        print(f"| {peer} {version(peer.partition('-')[0])} | " + " | ".join(cells) + " |")
    print(f"vlscope before and after: {before} {after}")
    print("\n".join(f"{peer}: {name}" for peer, name in adapters.items()))


def cell(result: dict[str, Any], own: float | None) -> str:
    """The median, and how many times vlscope's it is."""
    if "error" in result:
        return str(result["error"])
    median = statistics.median(result["ms"])
    return f"{median:.0f}" if own is None else f"{median:.0f} (× {median / own:.1f})"


if __name__ == "__main__":
    main()
