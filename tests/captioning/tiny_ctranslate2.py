"""The tiny Whisper checkpoints as folders for CTranslate2, made without any download."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def save_folder(folder: Path, checkpoint: dict[str, Any]) -> Path:
    """Write a checkpoint of openai-whisper as a folder that faster-whisper opens."""
    import ctranslate2
    from whisper.tokenizer import get_tokenizer

    dims = checkpoint["dims"]
    state = {name: tensor.numpy() for name, tensor in checkpoint["model_state_dict"].items()}
    spec = ctranslate2.specs.WhisperSpec(
        dims["n_audio_layer"], dims["n_audio_head"], dims["n_text_layer"], dims["n_text_head"]
    )
    _encoder(spec.encoder, state, dims)
    _decoder(spec.decoder, state, dims)
    tokenizer = get_tokenizer(multilingual=True, num_languages=99)
    vocabulary = _vocabulary(tokenizer.encoding)
    spec.register_vocabulary(vocabulary)
    spec.config.lang_ids = sorted(tokenizer.all_language_tokens)
    spec.config.suppress_ids = []
    spec.config.suppress_ids_begin = [tokenizer.eot]
    half = dims["n_text_layer"] // 2
    spec.config.alignment_heads = [
        (layer, head) for layer in range(half, dims["n_text_layer"]) for head in range(dims["n_text_head"])
    ]
    spec.validate()
    spec.optimize(quantization=None)
    folder.mkdir(parents=True)
    spec.save(str(folder))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(vocabulary, tokenizer.eot)))
    return folder


def _encoder(spec: Any, state: dict[str, np.ndarray], dims: dict[str, int]) -> None:
    for name in ("conv1", "conv2"):
        conv = getattr(spec, name)
        conv.weight, conv.bias = state[f"encoder.{name}.weight"], state[f"encoder.{name}.bias"]
    spec.position_encodings.encodings = state["encoder.positional_embedding"]
    _norm(spec.layer_norm, state, "encoder.ln_post")
    for number, layer in enumerate(spec.layer):
        name = f"encoder.blocks.{number}"
        _self_attention(layer.self_attention, state, name)
        _feed_forward(layer.ffn, state, name)


def _decoder(spec: Any, state: dict[str, np.ndarray], dims: dict[str, int]) -> None:
    spec.embeddings.weight = state["decoder.token_embedding.weight"]
    spec.projection.weight = state["decoder.token_embedding.weight"]
    spec.position_encodings.encodings = state["decoder.positional_embedding"]
    _norm(spec.layer_norm, state, "decoder.ln")
    for number, layer in enumerate(spec.layer):
        name = f"decoder.blocks.{number}"
        _self_attention(layer.self_attention, state, name)
        _norm(layer.attention.layer_norm, state, f"{name}.cross_attn_ln")
        query, keys, out = layer.attention.linear
        _linear(query, *_part(state, f"{name}.cross_attn.query"))
        _fused(keys, [_part(state, f"{name}.cross_attn.{part}") for part in ("key", "value")])
        _linear(out, *_part(state, f"{name}.cross_attn.out"))
        _feed_forward(layer.ffn, state, name)


def _self_attention(spec: Any, state: dict[str, np.ndarray], name: str) -> None:
    _norm(spec.layer_norm, state, f"{name}.attn_ln")
    joint, out = spec.linear
    _fused(joint, [_part(state, f"{name}.attn.{part}") for part in ("query", "key", "value")])
    _linear(out, *_part(state, f"{name}.attn.out"))


def _feed_forward(spec: Any, state: dict[str, np.ndarray], name: str) -> None:
    _norm(spec.layer_norm, state, f"{name}.mlp_ln")
    _linear(spec.linear_0, *_part(state, f"{name}.mlp.0"))
    _linear(spec.linear_1, *_part(state, f"{name}.mlp.2"))


def _part(state: dict[str, np.ndarray], name: str) -> tuple[np.ndarray, np.ndarray]:
    weight = state[f"{name}.weight"]
    return weight, state.get(f"{name}.bias", np.zeros(len(weight), np.float32))


def _fused(spec: Any, parts: list[tuple[np.ndarray, np.ndarray]]) -> None:
    _linear(
        spec, np.concatenate([weight for weight, _ in parts]), np.concatenate([bias for _, bias in parts])
    )


def _linear(spec: Any, weight: np.ndarray, bias: np.ndarray) -> None:
    spec.weight, spec.bias = weight, bias


def _norm(spec: Any, state: dict[str, np.ndarray], name: str) -> None:
    spec.gamma, spec.beta = state[f"{name}.weight"], state[f"{name}.bias"]


def _vocabulary(encoding: Any) -> list[str]:
    """Tokens in order, bytes spelt as GPT-2's vocabulary spells them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    spelling = {byte: chr(byte) for byte in printable}
    spelling |= {byte: chr(256 + number) for number, byte in enumerate(others)}
    special = {number: name for name, number in encoding._special_tokens.items()}
    return [
        special.get(number) or "".join(spelling[byte] for byte in encoding.decode_single_token_bytes(number))
        for number in range(encoding.n_vocab)
    ]


def _tokenizer(vocabulary: list[str], first_special: int) -> dict[str, Any]:
    """A tokenizer that decodes all of a vocabulary; it encodes byte by byte, and no more is asked of it."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": number, "content": vocabulary[number], **flags}
            for number in range(first_special, len(vocabulary))
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {name: number for number, name in enumerate(vocabulary[:first_special])},
            "merges": [],
        },
    }
