"""Whisper checkpoints of a few million weights that write what they are told to, whatever they hear."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 32
VOCABULARY = 51865
"""Tokens of Whisper's multilingual vocabulary (99 languages)."""
PROMPT = 3
"""Position of the last token of the prompt, <|notimestamps|>: what follows it is text."""
_DIMS = {
    "n_mels": 80,
    "n_audio_ctx": 1500,
    "n_audio_state": WIDTH,
    "n_audio_head": 2,
    "n_audio_layer": 1,
    "n_vocab": VOCABULARY,
    "n_text_ctx": 448,
    "n_text_state": WIDTH,
    "n_text_head": 2,
    "n_text_layer": 2,
}


def checkpoint(text: str, language: str = "en", sureness: float = 5.0) -> dict[str, Any]:
    """A checkpoint whose decoder writes `text` and then ends, and that hears `language` everywhere.

    Its blocks add nothing to the residual stream, in which each position says which token comes next; the
    weights that make queries and keys are random. `sureness` is the length of the tokens' embeddings: 5 is
    very sure, 0.5 is not.
    """
    import torch
    from whisper import ModelDimensions, Whisper
    from whisper.tokenizer import get_tokenizer

    torch.manual_seed(0)
    network = Whisper(ModelDimensions(**_DIMS))
    tokenizer = get_tokenizer(multilingual=True, num_languages=99)
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for name in weights:
        if name.startswith("decoder") and name.endswith(
            ("out.weight", "out.bias", "mlp.2.weight", "mlp.2.bias")
        ):
            weights[name].zero_()
    embedding = torch.randn(VOCABULARY, WIDTH)
    embedding -= embedding.mean(1, keepdim=True)
    embedding *= sureness / embedding.norm(dim=1, keepdim=True)
    weights["decoder.token_embedding.weight"] = embedding
    tokens = tokenizer.encode(text)
    follows = [tokenizer.to_language_token(language), *[tokenizer.eot] * (PROMPT - 1), *tokens]
    follows += [tokenizer.eot] * (_DIMS["n_text_ctx"] - len(follows))
    weights["decoder.positional_embedding"] = 50 * embedding[follows]
    return {"dims": dict(_DIMS), "model_state_dict": weights}


def save(path: Path, text: str, language: str = "en", sureness: float = 5.0) -> Path:
    """Such a checkpoint as a file."""
    import torch

    torch.save(checkpoint(text, language, sureness), path)
    return path


def tone(duration_s: float, seed: int = 0) -> np.ndarray:
    """Noise in place of speech: float32, 16 kHz."""
    return np.random.default_rng(seed).uniform(-0.1, 0.1, round(duration_s * 16000)).astype(np.float32)


def texts(words: Sequence[Any]) -> list[str]:
    """What words say."""
    return [word.text for word in words]
