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


def _made(name: str) -> Any:
    return tiny_vlms.FAMILIES[name](100, 150).model


def llava_next() -> tuple[Any, Any]:
    image_processor = hf.LlavaNextImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=tiny_vlms.PINPOINTS
    )
    return _made("llava_next"), hf.LlavaNextProcessor(
        image_processor, tokenizer({"<image>": tiny_vlms.IMAGE}), patch_size=8,
        vision_feature_select_strategy="default", num_additional_image_tokens=1, chat_template=template("<image>"),
    )  # fmt: skip


def paligemma() -> tuple[Any, Any]:
    image_processor = hf.SiglipImageProcessor(size={"height": 32, "width": 32})
    image_processor.image_seq_length = 16
    return _made("paligemma"), hf.PaliGemmaProcessor(image_processor, tokenizer({"<image>": 151}))


def gemma3() -> tuple[Any, Any]:
    names = {"image": ("<image_soft_token>", 151), "boi": ("<start_of_image>", 152), "eoi": ("<end_of_image>", 153)}
    words = tokenizer(dict(names.values()))
    for name, (text, id) in names.items():
        setattr(words, f"{name}_token", text)
        setattr(words, f"{name}_token_id", id)
    image_processor = hf.Gemma3ImageProcessor(
        size={"height": 32, "width": 32}, pan_and_scan_min_crop_size=50, pan_and_scan_max_num_crops=4,
        pan_and_scan_min_ratio_to_activate=1.2,
    )  # fmt: skip
    return _made("gemma3"), hf.Gemma3Processor(
        image_processor, words, image_seq_length=4, chat_template=template("<start_of_image>")
    )


def idefics3() -> tuple[Any, Any]:
    special = {"<fake_token_around_image>": 150, "<image>": 151, "<end_of_utterance>": 152, "<global-img>": 153}
    special |= {f"<row_{row}_col_{column}>": 147 + 6 * row + column for row in range(1, 7) for column in range(1, 7)}
    image_processor = hf.Idefics3ImageProcessor(size={"longest_edge": 96}, max_image_size={"longest_edge": 32})
    return _made("idefics3"), hf.Idefics3Processor(
        image_processor, tokenizer(special), image_seq_len=4, chat_template=template("<image>")
    )


def blip() -> tuple[Any, Any]:
    image_processor = hf.BlipImageProcessor(size={"height": 32, "width": 32})
    return _made("blip"), hf.BlipProcessor(image_processor, tokenizer({}, 100))


def blip2() -> tuple[Any, Any]:
    image_processor = hf.BlipImageProcessor(size={"height": 32, "width": 32})
    return _made("blip2"), hf.Blip2Processor(image_processor, tokenizer({"<image>": 151}), num_query_tokens=6)


def clip() -> tuple[Any, Any]:
    image_processor = hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return _made("clip"), hf.CLIPProcessor(image_processor, tokenizer({}, 100))


def pix2struct() -> tuple[Any, Any]:
    image_processor = hf.Pix2StructImageProcessor(patch_size={"height": 8, "width": 8}, max_patches=30)
    return _made("pix2struct"), hf.Pix2StructProcessor(image_processor, tokenizer({}, 100))
