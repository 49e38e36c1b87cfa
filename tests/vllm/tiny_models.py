"""Builds tiny models with random weights: they say nothing, by the same ways as real ones.

Run with the interpreter of vLLM's environment: python -m tests.vllm.tiny_models text|vision FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

PROMPTS = Path(__file__).resolve().parents[2] / "captioning" / "prompts"
END_OF_TURN = "<|im_end|>"
SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    END_OF_TURN,
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
CHAT = """{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}\
{% if part.type == 'image' or 'image_url' in part %}<|vision_start|><|image_pad|><|vision_end|>\
{% elif part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
WIDTH, LENGTH = 128, 8192


def build(kind: str, folder: Path) -> None:
    """Write a model, its tokenizer and its processor to a folder."""
    import torch

    torch.manual_seed(0)
    _, network = parts(kind, folder)
    network.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)


def parts(kind: str, folder: Path) -> tuple[Any, Any]:
    """Write a model's tokenizer and its processor to a folder; returns the tokenizer and the network."""
    tokenizer = _tokenizer()
    tokenizer.save_pretrained(folder)
    return tokenizer, _text(tokenizer) if kind == "text" else _vision(tokenizer, folder)


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bytes_to_tokens = Tokenizer(models.BPE())
    bytes_to_tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_to_tokens.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [path.read_text() for path in sorted(PROMPTS.glob("*.txt"))]
    bytes_to_tokens.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_to_tokens,
        eos_token=END_OF_TURN,
        pad_token="<|endoftext|>",
        additional_special_tokens=list(SPECIAL[3:]),
        model_max_length=LENGTH,
    )
    tokenizer.chat_template = CHAT
    return tokenizer


def _text_config(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "max_position_embeddings": LENGTH,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _text(tokenizer: Any) -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(Qwen2Config(**_text_config(tokenizer)))


def _vision(tokenizer: Any, folder: Path) -> Any:
    from transformers import (
        Qwen2VLConfig,
        Qwen2VLForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
        Qwen2VLVideoProcessor,
    )

    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in _VISION_TOKENS}
    config = Qwen2VLConfig(
        text_config={
            **_text_config(tokenizer),
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 10000.0,
                "mrope_section": [8, 12, 12],
            },
        },
        vision_config={"depth": 2, "embed_dim": 64, "hidden_size": WIDTH, "num_heads": 2},
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )
    size = {"shortest_edge": 28 * 28, "longest_edge": 16 * 28 * 28}
    processor = Qwen2VLProcessor(
        Qwen2VLImageProcessor(size=size), tokenizer, Qwen2VLVideoProcessor(size=size), chat_template=CHAT
    )
    processor.save_pretrained(folder)
    return Qwen2VLForConditionalGeneration(config)


_VISION_TOKENS = ("vision_start", "vision_end", "image_pad", "video_pad")

if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
