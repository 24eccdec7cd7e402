"""VCR and WebQA, from small files that are as the public ones are."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_processors
from PIL import Image

import vlscope
from vlscope.readers import ReadError, vcr, webqa


@pytest.fixture
def vcr_folder(tmp_path: Path) -> Path:
    scene = tmp_path / "vcr1images" / "lsmdc_3015"
    scene.mkdir(parents=True)
    Image.fromarray(np.full((50, 100, 3), 90, np.uint8)).save(scene / "1@0.jpg")
    boxes = [[10.0, 5.0, 30.0, 50.0, 0.99], [40.0, -2.0, 60.0, 25.0, 0.9], [99.0, 10.0, 120.0, 20.0, 0.8]]
    (scene / "1@0.json").write_text(
        json.dumps(
            {"boxes": boxes, "segms": [[], [], []], "names": ["person", "person", "car"], "width": 100, "height": 50}
        )
    )
    line = {
        "movie": "3015_CHARLIE", "objects": ["person", "person", "car"], "interesting_scores": [0],
        "img_fn": "lsmdc_3015/1@0.jpg", "metadata_fn": "lsmdc_3015/1@0.json",
        "question": ["Why", "is", [1], "'s", "hand", "on", [0, 2], "?"],
        "answer_choices": [["He", "waits", "."], [[0], "fell", "."], ["No", "."], ["Yes", "."]], "answer_label": 1,
        "rationale_choices": [["It", "is", "late", "."], [[1], "runs", "."], ["A", "."], ["B", "."]],
        "rationale_label": 0, "img_id": "val-0", "annot_id": "val-0",
    }  # fmt: skip
    held_back = {name: value for name, value in line.items() if not name.endswith("_label")}
    (tmp_path / "val.jsonl").write_text(f"{json.dumps(line)}\n{json.dumps({**held_back, 'annot_id': 'val-1'})}\n")
    return tmp_path


def test_vcr(vcr_folder: Path) -> None:
    first, second = vcr(vcr_folder / "val.jsonl", vcr_folder / "vcr1images")
    assert first.id == "vcr/val-0"
    assert first.question == (
        "Why is [person2]'s hand on [person1] and [car3]?\nA. He waits.\nB. [person1] fell.\nC. No.\nD. Yes."
    )
    assert (first.answer, second.answer) == ("B", None)
    assert [(region.label, region.box) for region in first.regions] == [
        ("person1", (0.1, 0.1, 0.3, 1.0)), ("person2", (0.4, 0.0, 0.6, 0.5)), ("car3", (0.99, 0.2, 1.0, 0.4))
    ]  # fmt: skip
    assert first.attributes == {"movie": "3015_CHARLIE", "people": 2, "objects": 3}
    assert first.images[0].size == (100, 50)


def test_reasons_of_vcr(vcr_folder: Path) -> None:
    first = next(iter(vcr(vcr_folder / "val.jsonl", vcr_folder / "vcr1images", task="rationale")))
    assert first.question.startswith(
        "Why is [person2]'s hand on [person1] and [car3]? [person1] fell. Why?\nA. It is late."
    )
    assert (first.id, first.answer) == ("vcr/val-0/rationale", "A")


def test_an_example_is_captured(vcr_folder: Path) -> None:
    example = next(iter(vcr(vcr_folder / "val.jsonl", vcr_folder / "vcr1images")))
    model, processor = tiny_processors.llava()
    trace = vlscope.capture(model, processor, **example.arguments(), generate={"max_new_tokens": 1})
    assert trace.regions == example.regions
    assert trace.attributes == example.attributes
    assert trace.outputs["answer"] == "B"


def test_lines_that_are_none(vcr_folder: Path) -> None:
    path = vcr_folder / "val.jsonl"
    path.write_text(path.read_text() + '{"objects": []}\n')
    with pytest.raises(ReadError, match="line 3 is no annotation of VCR: KeyError"):
        list(vcr(path, vcr_folder / "vcr1images"))
    metadata = vcr_folder / "vcr1images" / "lsmdc_3015" / "1@0.json"
    metadata.write_text(json.dumps({"boxes": [[0, 0, 1, 1, 1]], "width": 1, "height": 1}))
    with pytest.raises(ReadError, match=r"there are 1 boxes, expected 3: one for each object"):
        list(vcr(path, vcr_folder / "vcr1images"))


@pytest.fixture
def webqa_folder(tmp_path: Path) -> Path:
    lines: list[bytes] = []
    places = []
    for number in range(3):
        data = io.BytesIO()
        Image.fromarray(np.full((10, 20 + number, 3), 40 * number, np.uint8)).save(data, "PNG")
        places.append(sum(len(line) for line in lines))
        lines.append(f"{30000000 + number}\t".encode() + base64.b64encode(data.getvalue()) + b"\n")
    (tmp_path / "imgs.tsv").write_bytes(b"".join(lines))
    (tmp_path / "imgs.lineidx").write_text("".join(f"{place}\n" for place in places))

    def fact(number: int) -> dict[str, Any]:
        return {"image_id": 30000000 + number, "title": f"t{number}", "caption": f"c{number}", "url": "", "imgUrl": ""}

    common = {"topic": "birds", "txt_posFacts": [], "txt_negFacts": []}
    entries = {
        "d5a": {"Q": '"Are both birds red?"', "A": ['"No, one is blue."'], "split": "val", "Qcate": "YesNo",
                "img_posFacts": [fact(2), fact(0)], "img_negFacts": [fact(1)], **common},
        "d5b": {"Q": '"How old?"', "A": ['"Two."'], "split": "val", "Qcate": "text", "img_posFacts": [],
                "img_negFacts": [], **common},
        "d5c": {"Q": '"What shape?"', "A": ["TBD"], "split": "train", "Qcate": "shape", "img_posFacts": [fact(1)],
                "img_negFacts": [], **common},
    }  # fmt: skip
    (tmp_path / "WebQA_train_val.json").write_text(json.dumps(entries))
    return tmp_path


def test_webqa(webqa_folder: Path) -> None:
    path = webqa_folder / "WebQA_train_val.json"
    first, second = webqa(path, webqa_folder)
    assert (first.id, first.question, first.answer) == ("webqa/d5a", "Are both birds red?", "No, one is blue.")
    assert [image.size[0] for image in first.images] == [22, 20]
    assert first.attributes["captions"] == ["c2", "c0"]
    assert second.answer is None
    (only,) = webqa(path, webqa_folder, split="val", distractors=2)
    assert [image.size[0] for image in only.images] == [22, 20, 21]
    assert only.attributes["distractors"] == 1


def test_pictures_that_are_not_there(webqa_folder: Path) -> None:
    path = webqa_folder / "WebQA_train_val.json"
    entries = json.loads(path.read_text())
    entries["d5a"]["img_posFacts"][0]["image_id"] = 30000007
    path.write_text(json.dumps(entries))
    with pytest.raises(ReadError, match=r"picture 30000007 is line 7, but `imgs.lineidx` has 3"):
        list(webqa(path, webqa_folder))
    (webqa_folder / "imgs.lineidx").write_text("0\n0\n0\n")
    with pytest.raises(ReadError, match="line 1 has picture 30000000, expected 30000001"):
        list(webqa(path, webqa_folder, split="train"))
