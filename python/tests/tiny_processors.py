"""Whole processors, made by hand: a tokenizer of words, a real image processor, a chat template."""

from __future__ import annotations

from typing import Any

import tiny_vlms
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

from vlscope.locate import fed

hf: Any = transformers

WORDS = [
    *(
        "what",
        "is",
        "this",
        "how",
        "many",
        "red",
        "blue",
        "things",
        "are",
        "there",
        "a",
        "cat",
        "dog",
        "yes",
        "no",
        "in",
    ),
    *("two", "three", "answer", "shortly", "user", "assistant", "system", ":", ".", "?"),
]
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} : {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE {% elif part['type'] == 'video' %}VIDEO {% else %}{{ part['text'] }} "
    "{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}assistant : {% endif %}"
)


def tokenizer(special: dict[str, int], size: int = 200) -> Any:
    """Words by white space; `special` have the ids that a model's config gives them."""
    names = {0: "<pad>", 1: "<s>", 2: "</s>", 3: "<unk>", **{id: name for name, id in special.items()}}
    words = iter(WORDS)
    vocabulary = {names[id] if id in names else next(words, f"w{id}"): id for id in range(size)}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = hf.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        padding_side="left",
    )
    made.add_special_tokens({"additional_special_tokens": list(special)})
    return made


def template(image: str, video: str = "") -> str:
    return TEMPLATE.replace("IMAGE", image).replace("VIDEO", video)


def llava() -> tuple[Any, Any]:
    """The model, and its processor with the centre crop."""
    model = tiny_vlms.FAMILIES["llava"](100, 150).model
    image_processor = hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = hf.LlavaProcessor(
        image_processor, tokenizer({"<image>": tiny_vlms.IMAGE}), patch_size=8,
        vision_feature_select_strategy="default", num_additional_image_tokens=1, chat_template=template("<image>"),
    )  # fmt: skip
    return model, processor


class _Frames:
    """A video processor, as much of one as Qwen2-VL needs: torchvision, which the true ones need, may not be there."""

    merge_size = 2

    def __init__(self, image_processor: Any) -> None:
        self.image_processor = image_processor

    def __call__(self, videos: Any, **_: Any) -> dict[str, torch.Tensor]:
        patches, grids = [], []
        for video in videos:
            made = [
                self.image_processor(
                    images=[fed(frame.permute(1, 2, 0).numpy(), self.image_processor)], return_tensors="pt"
                )
                for frame in video
            ]
            still = [of["pixel_values"].reshape(-1, 3, 2, 64) for of in made]
            pairs = zip(still[::2], still[1::2], strict=True)
            patches += [torch.stack([one[:, :, 0], other[:, :, 1]], dim=2).flatten(1) for one, other in pairs]
            grids.append([len(video) // 2, *made[0]["image_grid_thw"][0, 1:].tolist()])
        return {"pixel_values_videos": torch.cat(patches), "video_grid_thw": torch.tensor(grids)}


class _Qwen2VLProcessor(hf.Qwen2VLProcessor):  # type: ignore[misc]
    def check_argument_for_proper_class(self, *_: Any) -> None:
        """The classes of video processors are not there without torchvision."""


def qwen2_vl() -> tuple[Any, Any]:
    """The model, and its processor."""
    model = tiny_vlms.FAMILIES["qwen2_vl"](100, 150).model
    special = {"<|image_pad|>": 151, "<|video_pad|>": 152, "<|vision_start|>": 153, "<|vision_end|>": 154}
    image_processor = hf.Qwen2VLImageProcessor(
        patch_size=8, merge_size=2, temporal_patch_size=2, size={"shortest_edge": 256, "longest_edge": 96 * 96}
    )
    pads = (f"<|vision_start|> <|{kind}_pad|> <|vision_end|>" for kind in ("image", "video"))
    return model, _Qwen2VLProcessor(
        image_processor=image_processor, tokenizer=tokenizer(special), video_processor=_Frames(image_processor),
        chat_template=template(*pads),
    )  # fmt: skip


def vilt() -> tuple[Any, Any]:
    """A ViLT that answers questions, and its processor."""

    def config() -> Any:
        answers = {0: "red", 1: "blue", 2: "yes"}
        return hf.ViltConfig(
            **tiny_vlms.VISION,
            vocab_size=200,
            max_image_length=-1,
            id2label=answers,
            label2id={of: at for at, of in answers.items()},
        )

    model = tiny_vlms.built("vilt_vqa", hf.ViltForQuestionAnswering, config)
    image_processor = hf.ViltImageProcessor(size={"shortest_edge": 32}, size_divisor=8)
    return model, hf.ViltProcessor(image_processor, tokenizer({}))
