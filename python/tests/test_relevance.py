"""Each relevance against a small implementation of its own, by what transformers' eager attention gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from vlscope import relevance
from vlscope.relevance import Asked, RelevanceError

hf: Any = transformers
SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50}
IDS = torch.tensor([[1, 5, 9, 7, 12, 30, 4]])
ROWS, TARGETS = [4, 5], [30, 4]


def llama(attention: str = "eager", **options: Any) -> Any:
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        **SIZE,
        intermediate_size=32,
        num_key_value_heads=2,
        initializer_range=0.3,
        attn_implementation=attention,
        **options,
    )
    model = hf.LlamaForCausalLM(config).eval()
    torch.nn.init.uniform_(model.model.norm.weight, 0.5, 1.5)
    return model


def opt(attention: str = "eager") -> Any:
    torch.manual_seed(0)
    config = hf.OPTConfig(
        **SIZE,
        ffn_dim=32,
        word_embed_proj_dim=16,
        max_position_embeddings=32,
        init_std=0.3,
        attn_implementation=attention,
    )
    model = hf.OPTForCausalLM(config).eval()
    torch.nn.init.normal_(model.model.decoder.final_layer_norm.bias)
    torch.nn.init.uniform_(model.model.decoder.final_layer_norm.weight, 0.5, 1.5)
    return model


def asked(model: Any) -> Asked:
    stack = "model.decoder" if isinstance(model, hf.OPTForCausalLM) else "model"
    layers = [f"{stack}.layers.{layer}.self_attn" for layer in range(2)]
    return Asked(model, {"input_ids": IDS}, ROWS, TARGETS, layers, f"{stack}.layers.0")


def eager_gradients(model: Any) -> list[tuple[list[torch.Tensor], list[torch.Tensor]]]:
    """By target: weights and gradients, `[heads, queries, keys]` of each layer."""
    found = []
    for row, id in zip(ROWS, TARGETS, strict=True):
        out = model(IDS, output_attentions=True)
        gradients = torch.autograd.grad(out.logits[0, row, id], out.attentions)
        found.append(([of[0].detach() for of in out.attentions], [of[0] for of in gradients]))
    return found


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("make", [llama, opt])
def test_gradients_of_attention(make: Any, attention: str) -> None:
    question = asked(make(attention))
    expected = []
    rollout = []
    for row, (weights, gradients) in zip(ROWS, eager_gradients(make()), strict=True):
        expected.append([(of * gradient)[:, row].numpy() for of, gradient in zip(weights, gradients, strict=True)])
        relevance_so_far = np.eye(7)
        for of, gradient in zip(weights, gradients, strict=True):
            positive = np.maximum((of * gradient).numpy(), 0).mean(axis=0)
            relevance_so_far = relevance_so_far + positive @ relevance_so_far
        rollout.append(relevance_so_far[row])
    np.testing.assert_allclose(relevance.gradient_attention(question), np.array(expected), atol=1e-5)
    np.testing.assert_allclose(relevance.chefer(question), np.array(rollout), atol=1e-5)
    # What comes behind a token explains nothing of it.
    assert not relevance.chefer(question)[0, 5:].any()


def test_integrated_gradients() -> None:
    model = llama("sdpa")
    found = relevance.integrated_gradients(asked(model))
    embeddings = model.model.embed_tokens(IDS).detach()
    baseline = embeddings.mean(1, keepdim=True)
    expected = np.zeros((2, 7))
    rise = np.zeros(2)
    for target, (row, id) in enumerate(zip(ROWS, TARGETS, strict=True)):
        # By trapezoids.
        for step in range(101):
            part = (baseline + (embeddings - baseline) * (step / 100)).requires_grad_()
            logit = model(inputs_embeds=part).logits[0, row, id]
            (gradient,) = torch.autograd.grad(logit, part)
            weight = (0.5 if step in (0, 100) else 1.0) / 100
            expected[target] += weight * (gradient * (embeddings - baseline)).sum(-1)[0].numpy()
            rise[target] += logit.item() * ((step == 100) - (step == 0))
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())
    np.testing.assert_allclose(found.sum(1), rise, atol=0.03 * np.abs(rise).max())


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_norms_of_what_heads_move(attention: str) -> None:
    model = llama(attention)
    found = relevance.contribution_norms(asked(model))
    eager = llama()
    with torch.no_grad():
        out = eager(IDS, output_attentions=True, output_hidden_states=True)
    for layer, block in enumerate(eager.model.layers):
        read = block.input_layernorm(out.hidden_states[layer][0])
        values = block.self_attn.v_proj(read).reshape(7, 2, 4)
        for head in range(4):
            projection = block.self_attn.o_proj.weight[:, head * 4 : head * 4 + 4]
            for target, row in enumerate(ROWS):
                for source in range(7):
                    vector = out.attentions[layer][0, head, row, source] * (projection @ values[source, head // 2])
                    assert found[target, layer, head, source] == pytest.approx(vector.norm().item(), abs=1e-5)


@pytest.mark.parametrize("make", [llama, opt])
def test_contributions_add_up_to_the_logit(make: Any) -> None:
    """Embedding, heads, biases and MLPs: nothing else is in the last state, and a norm of a given scale is linear."""
    model = make("sdpa")
    question = asked(model)
    found = relevance.logit_contributions(question)
    is_opt = make is opt
    layers = model.model.decoder.layers if is_opt else model.model.layers
    norm = model.model.decoder.final_layer_norm if is_opt else model.model.norm
    kept: dict[str, torch.Tensor] = {}
    handles = [
        layers[0].register_forward_pre_hook(
            lambda _, args, kwargs: kept.update(embedding=args[0] if args else kwargs["hidden_states"]),
            with_kwargs=True,
        ),
        norm.register_forward_pre_hook(lambda _, args: kept.update(last=args[0])),
        *(
            (layer.fc2 if is_opt else layer.mlp).register_forward_hook(
                lambda _, args, out, number=number: kept.update({f"mlp{number}": out})
            )
            for number, layer in enumerate(layers)
        ),
    ]
    with torch.no_grad():
        logits = model(IDS).logits[0]
    for handle in handles:
        handle.remove()
    for target, (row, id) in enumerate(zip(ROWS, TARGETS, strict=True)):
        last = kept["last"][0, row]
        word = model.lm_head.weight[id]

        def through_norm(vector: torch.Tensor, last: torch.Tensor = last, word: torch.Tensor = word) -> float:
            if is_opt:
                scale = (last.var(unbiased=False) + norm.eps).sqrt()
                return float(word @ ((vector - vector.mean()) / scale * norm.weight))
            return float(word @ (vector / (last.pow(2).mean() + norm.variance_epsilon).sqrt() * norm.weight))

        others = through_norm(kept["embedding"][0, row]) + sum(
            through_norm(kept[f"mlp{number}"].reshape(7, 16)[row]) for number in range(2)
        )
        if is_opt:
            others += sum(through_norm(layer.self_attn.out_proj.bias) for layer in layers) + float(word @ norm.bias)
            # The values' own bias is moved with them, since the weights of a row add up to 1.
        assert found[target].sum() + others == pytest.approx(float(logits[row, id]), abs=1e-4)


def test_occlusion_by_word_and_patch() -> None:
    model = llama("sdpa")
    found = relevance.occlusion(asked(model), [[1, 2], [3]])
    with torch.no_grad():
        embeddings = model.model.embed_tokens(IDS)
        whole = model(IDS).logits[0]
        for group in ([1, 2], [3]):
            changed = embeddings.clone()
            for token in group:
                changed[0, token] = embeddings[0].mean(0)
            logits = model(inputs_embeds=changed).logits[0]
            for target, (row, id) in enumerate(zip(ROWS, TARGETS, strict=True)):
                for token in group:
                    assert found[target, token] == pytest.approx(float(whole[row, id] - logits[row, id]), abs=1e-5)
    assert not found[:, [0, 4, 5, 6]].any()


def test_pairs_of_what_is_removed() -> None:
    model = llama("sdpa")
    grid = relevance.removed_pairs(asked(model), [[1]], [[2], [3]])
    assert grid.shape == (2, 3, 2)
    with torch.no_grad():
        embeddings = model.model.embed_tokens(IDS)
        changed = embeddings.clone()
        changed[0, [1, 3]] = embeddings[0].mean(0)
        logits = model(inputs_embeds=changed).logits[0]
    np.testing.assert_allclose(grid[1, 2], logits[ROWS, TARGETS].numpy(), atol=1e-5)


def test_emap_by_its_definition() -> None:
    logits = np.random.default_rng(0).normal(size=(4, 5, 3))
    found = relevance.emap(logits)
    for text in range(4):
        for image in range(5):
            by_text = sum(logits[text, other] for other in range(5)) / 5
            by_image = sum(logits[other, image] for other in range(4)) / 4
            both = sum(logits[one, other] for one in range(4) for other in range(5)) / 20
            np.testing.assert_allclose(found[text, image], by_text + by_image - both)


def test_what_is_a_sum_does_not_interact() -> None:
    text, image = np.arange(4.0)[:, None], np.array([3.0, -1, 2])[None]
    assert relevance.interaction(text + image).interaction == pytest.approx(0, abs=1e-12)
    # Exclusive or: neither text nor picture tells anything alone.
    assert relevance.interaction(np.array([[0.0, 1], [1, 0]])).interaction == pytest.approx(1)
    assert relevance.interaction(np.zeros((2, 2))) == relevance.Interaction(1.0, 0.0)


def test_what_shows_no_weights_is_refused() -> None:
    question = asked(llama())
    silent = Asked(question.model, question.inputs, ROWS, TARGETS, [*question.layers, "lm_head"], question.tokens)
    with pytest.raises(RelevanceError, match="`lm_head` shows no attention weights"):
        relevance.chefer(silent)


def test_why_a_picture_is_like_a_text() -> None:
    """CLIP: embedding, heads, biases and MLPs of the first token add up to the likeness."""
    torch.manual_seed(0)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = hf.CLIPConfig(
        text_config={**size, "vocab_size": 50, "eos_token_id": 2},
        vision_config={**size, "image_size": 16, "patch_size": 4},
        projection_dim=12,
    )
    model = hf.CLIPModel(config).eval()
    for name, weights in model.named_parameters():
        if name.endswith("bias") or "norm" in name:
            torch.nn.init.normal_(weights)
    inputs = {"input_ids": torch.tensor([[1, 5, 9, 2]]), "pixel_values": torch.rand(1, 3, 16, 16)}
    layers = [f"vision_model.encoder.layers.{layer}.self_attn" for layer in range(2)]
    found = relevance.similarity_contributions(model, inputs, layers, "vision_model.encoder.layers.0")
    assert found.shape == (2, 4, 17)
    parts: list[torch.Tensor] = []
    blocks = model.vision_model.encoder.layers
    norm = model.vision_model.post_layernorm
    kept: list[torch.Tensor] = []
    handles = [
        model.vision_model.pre_layrnorm.register_forward_hook(lambda _, args, out: parts.append(out[0, 0])),
        *(block.mlp.register_forward_hook(lambda _, args, out: parts.append(out[0, 0])) for block in blocks),
        norm.register_forward_pre_hook(lambda _, args: kept.append(args[0][0])),
    ]
    with torch.no_grad():
        out = model(**inputs)
        for handle in handles:
            handle.remove()
        parts += [block.self_attn.out_proj.bias for block in blocks]
        text = out.text_embeds[0] * model.logit_scale.exp()
        last = kept[0]
        whole = model.visual_projection(norm(last)).norm()
        rest = sum(
            float(
                text
                @ model.visual_projection(
                    (part - part.mean()) / (last.var(unbiased=False) + norm.eps).sqrt() * norm.weight
                )
            )
            for part in parts
        )
        rest += float(text @ model.visual_projection(norm.bias))
    assert found.sum() + rest / float(whole) == pytest.approx(float(out.logits_per_image[0, 0]), abs=1e-4)


def test_a_model_without_a_joint_space_is_refused() -> None:
    with pytest.raises(RelevanceError, match="LlamaForCausalLM has no `visual_projection`"):
        relevance.similarity_contributions(llama(), {"input_ids": IDS}, [], "model.layers.0")


def test_norms_behind_heads_are_refused() -> None:
    torch.manual_seed(0)
    config = hf.Gemma2Config(**SIZE, intermediate_size=32, num_key_value_heads=2, head_dim=4)
    model = hf.Gemma2ForCausalLM(config).eval()
    with pytest.raises(RelevanceError, match=r"`model\.layers\.0\.post_attention_layernorm` scales what heads put out"):
        relevance.logit_contributions(asked(model))
    assert relevance.chefer(asked(model)).shape == (2, 7)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_what_of_an_encoder_mattered(attention: str) -> None:
    """Equations 5 to 11 once more, in numpy and loops, on what BART's eager attention gives."""

    def bart(attention: str) -> Any:
        torch.manual_seed(0)
        config = hf.BartConfig(
            d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=32, decoder_ffn_dim=32, vocab_size=50, init_std=0.3, attn_implementation=attention,
        )  # fmt: skip
        return hf.BartForConditionalGeneration(config).eval()

    encoder_ids, decoder_ids = torch.tensor([[0, 5, 9, 7, 2]]), torch.tensor([[2, 0, 12, 30]])
    part = "model.{}.layers.{}.{}"
    # With weights that are frozen as well as with others.
    model = bart(attention).requires_grad_(attention == "eager")
    question = Asked(
        model, {"input_ids": encoder_ids, "decoder_input_ids": decoder_ids}, [1, 2], [12, 30],
        [part.format("decoder", layer, "self_attn") for layer in range(2)], "model.decoder.layers.0",
        [part.format("decoder", layer, "encoder_attn") for layer in range(2)],
        [part.format("encoder", layer, "self_attn") for layer in range(2)],
    )  # fmt: skip
    found = relevance.chefer_encoder(question)
    assert found.shape == (2, 5)
    for target, (row, id) in enumerate(((1, 12), (2, 30))):
        out = bart("eager")(encoder_ids, decoder_input_ids=decoder_ids, output_attentions=True)
        kinds = [out.encoder_attentions, out.decoder_attentions, out.cross_attentions]
        flat = [of for kind in kinds for of in kind]
        gradients = torch.autograd.grad(out.logits[0, row, id], flat)
        means = [
            np.maximum((of * gradient)[0].detach().numpy(), 0).mean(0)
            for of, gradient in zip(flat, gradients, strict=True)
        ]
        encoder, own, between = np.eye(5), np.eye(4), np.zeros((4, 5))

        def scaled(matrix: Any) -> Any:
            beside = matrix - np.eye(len(matrix))
            sums = beside.sum(1, keepdims=True)
            return np.divide(beside, sums, out=np.zeros_like(beside), where=sums > 0) + np.eye(len(matrix))

        for layer in range(2):
            encoder = encoder + means[layer] @ encoder
        for layer in range(2):
            own, between = own + means[2 + layer] @ own, between + means[2 + layer] @ between
            between = between + scaled(own).T @ means[4 + layer] @ scaled(encoder)
        np.testing.assert_allclose(found[target], between[row], atol=1e-5)
        assert found[target].any()
