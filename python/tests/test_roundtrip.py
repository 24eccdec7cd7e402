"""What is saved is what is loaded."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TRACES
from safetensors import safe_open

from vlscope import Trace, TraceError

SOUND = sorted(path for path in TRACES.glob("*.safetensors") if "broken" not in path.stem)


def assert_same(found: Trace, expected: Trace) -> None:
    """Equal, array by array; NaN equals NaN."""
    assert found._document() == expected._document()
    arrays, wanted = found._tensors(), expected._tensors()
    assert arrays.keys() == wanted.keys()
    for name, array in arrays.items():
        assert array.dtype == wanted[name].dtype, name
        np.testing.assert_array_equal(array, wanted[name], err_msg=name)


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.stem)
def test_reference(path: Path, tmp_path: Path) -> None:
    trace = Trace.load(path)
    trace.save(tmp_path / "again.safetensors")
    assert_same(Trace.load(tmp_path / "again.safetensors"), trace)


def test_nan_is_read_and_not_written(trace: Trace, tmp_path: Path) -> None:
    broken = Trace.load(TRACES / "broken-nan.safetensors")
    with pytest.raises(TraceError, match=r"^tensor `attention\.\w+\.\d` is NaN in row \d+ of \[\d+\], expected finite"):
        broken.save(tmp_path / "again.safetensors")
    trace.hidden["text"][1][2, 3] = np.inf
    with pytest.raises(TraceError, match=r"^tensor `hidden\.text\.1` is infinite in row 2, expected finite numbers: "):
        trace.save(tmp_path / "again.safetensors")
    assert not list(tmp_path.iterdir())
    trace.hidden["text"][1][2, 3] = 0
    trace.head_metrics[0].values[0, 2:] = np.nan  # no value
    trace.save(tmp_path / "again.safetensors")


def test_every_thing(trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    trace.save(str(path))
    loaded = Trace.load(path)
    assert_same(loaded, trace)
    assert [len(layer) for layer in loaded.attention[0].layers] == [2, 4]
    assert [child.name for child in tmp_path.iterdir()] == ["one.safetensors"]
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR


def test_saving_over_the_file_that_is_open(trace: Trace, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    trace.save(path)
    loaded = Trace.load(path)
    loaded.id = "another"
    loaded.save(path)
    assert Trace.load(path).id == "another"
    np.testing.assert_array_equal(loaded.images[0], trace.images[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_torch_tensors(dtype: torch.dtype, trace: Trace, tmp_path: Path) -> None:
    # Strided and with a gradient, as a model gives them.
    weights = torch.rand(3, 3, 2, requires_grad=True).transpose(0, 2).softmax(-1).to(dtype)
    trace.attention[0].layers[0] = weights
    trace.save(tmp_path / "one.safetensors")
    loaded = Trace.load(tmp_path / "one.safetensors").attention[0].layers[0]
    assert loaded.dtype == (np.float16 if dtype == torch.float16 else np.float32)
    np.testing.assert_array_equal(loaded, weights.detach().float().numpy())
    with safe_open(tmp_path / "one.safetensors", "pt") as file:
        assert torch.equal(file.get_tensor("attention.self.0"), weights)


def test_ml_dtypes(trace: Trace, tmp_path: Path) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    states = trace.hidden["text"][0].astype(ml_dtypes.bfloat16)
    trace.hidden["text"][0] = states
    trace.save(tmp_path / "one.safetensors")
    loaded = Trace.load(tmp_path / "one.safetensors").hidden["text"][0]
    np.testing.assert_array_equal(loaded, states.astype(np.float32))


def test_big_endian_and_strided_arrays(trace: Trace, tmp_path: Path) -> None:
    states = trace.hidden["text"][0]
    trace.hidden["text"][0] = np.asfortranarray(states.astype(">f4"))
    trace.save(tmp_path / "one.safetensors")
    np.testing.assert_array_equal(Trace.load(tmp_path / "one.safetensors").hidden["text"][0], states)


def test_other_readers_find_aligned_tensors(trace: Trace, tmp_path: Path) -> None:
    trace.save(tmp_path / "one.safetensors")
    with safe_open(tmp_path / "one.safetensors", "np") as file:
        assert set(file.keys()) == set(trace._tensors())
        np.testing.assert_array_equal(file.get_tensor("image.0"), trace.images[0])
    for values in Trace.load(tmp_path / "one.safetensors")._tensors().values():
        assert values.flags.aligned
        assert not values.flags.writeable
