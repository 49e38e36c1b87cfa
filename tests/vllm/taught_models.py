"""Teaches tiny models what to answer, so that whole runs on them have something to bring together.

The vision-language model says in the schema of captioners that a picture is shown and which colour it has.
The text model says in that of fused captions that it is shown while there is sound. They know nothing else.

Run with the interpreter of vLLM's environment: python -m tests.vllm.taught_models vision|text FOLDER.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from string import Template
from typing import Any

from captioning.fusion.evidence import shown_evidence
from captioning.records import Modality, SourceLine
from tests.vllm import tiny_models

SHOWN = "A picture is shown."
COLOURS = {"red": (225, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 225)}
MIXED = "mixed"
HEARD = "A picture is shown while there is sound."
STEPS, AT_ONCE, FASTEST, KNOWN_BELOW = 200, 2, 2e-3, 0.02
ENDING = 12
"""Tokens; those of a colour are among them."""

Example = tuple[list[dict[str, Any]], list[Any], str]
"""Messages, the pictures in them, and the answer to them."""


def build(kind: str, folder: Path) -> None:
    """Write a model that was taught, its tokenizer and its processor to a folder.

    Raises:
        SystemExit: it did not learn.
    """
    import torch

    torch.set_num_threads(1)
    random.seed(0)
    torch.manual_seed(0)
    tokenizer, network = tiny_models.parts(kind, folder)
    processor = None
    if kind == "vision":
        from transformers import AutoProcessor

        processor = AutoProcessor.from_pretrained(folder)
    _teach(network, tokenizer, processor, _seen if kind == "vision" else _fused)
    network.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)


def _teach(network: Any, tokenizer: Any, processor: Any, example: Callable[[], Example]) -> None:
    import torch

    learner = torch.optim.AdamW(network.parameters())
    losses: list[float] = []
    for step in range(STEPS):
        given, labels = _batch(tokenizer, processor, [example() for _ in range(AT_ONCE)])
        loss = network(**given, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        learner.param_groups[0]["lr"] = FASTEST * min(step / 20, 1 - step / STEPS)
        learner.step()
        learner.zero_grad()
        losses.append(loss.item())
    if max(losses[-10:]) > KNOWN_BELOW:
        raise SystemExit(f"after {STEPS} steps the model has not learnt its answers: losses {losses[-10:]}")


def _batch(tokenizer: Any, processor: Any, examples: list[Example]) -> tuple[Any, Any]:
    """What the network is given, and what of it counts: the answers, at the end of each row."""
    texts = [
        tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) + answer
        for messages, _, answer in examples
    ]
    settings = {"return_tensors": "pt", "padding": True, "padding_side": "left"}
    if processor is None:
        given = tokenizer(texts, **settings)
    else:
        pictures = [picture for _, seen, _ in examples for picture in seen]
        given = processor(text=texts, images=pictures, **settings)
    labels = given["input_ids"].clone()
    for number, (row, (_, _, answer)) in enumerate(zip(labels, examples, strict=True)):
        # In every other row the end alone counts, or the few words that differ would hardly do.
        row[: -ENDING if number % 2 else -len(tokenizer(answer)["input_ids"])] = -100
    return given, labels


def _seen() -> Example:
    """Frames of one colour, or of many, and what is to be said of them."""
    colour = random.choice([*COLOURS, MIXED])
    size = random.choice([(96, 64), (112, 112), (320, 180), (56, 84)])
    pictures = [_picture(colour, size) for _ in range(random.randint(1, 4))]
    content: list[dict[str, Any]] = []
    for _ in pictures:
        content += [{"type": "text", "text": f"{random.uniform(0, 9):.1f} s:"}, {"type": "image"}]
    messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
    if random.random() < 0.7:
        prompt = _prompt("video.v1", duration=f"{random.uniform(1, 9):.1f}")
        messages.insert(0, {"role": "system", "content": prompt})
    said = (SHOWN, 1.0), (f"It is {colour}.", 2.0)
    lines = [{"start_s": 0.0, "end_s": end_s, "text": text} for text, end_s in said]
    return messages, pictures, _answer({"lines": lines})


def _picture(colour: str, size: tuple[int, int]) -> Any:
    from PIL import Image

    if colour == MIXED:
        tiles = Image.frombytes("RGB", (8, 5), random.randbytes(8 * 5 * 3))
        return tiles.resize(size, random.choice([Image.Resampling.NEAREST, Image.Resampling.BICUBIC]))
    return Image.new("RGB", size, tuple(level + random.randint(-30, 30) for level in COLOURS[colour]))


def _fused() -> Example:
    """Evidence, and the claim to be made."""
    most = {Modality.VIDEO: 3, Modality.AUDIO: 6, Modality.SPEECH: 2}
    content = shown_evidence(
        [
            _line(modality, number)
            for modality in most
            for number in range(1, random.randint(1, most[modality]) + (modality != Modality.SPEECH))
        ]
    )
    prompt = _prompt("fuse.v1", duration=f"{random.uniform(1, 9):.1f}", claims="6")
    messages = [{"role": "system", "content": prompt}, {"role": "user", "content": content}]
    return messages, [], _answer({"claims": [{"text": HEARD, "cites": ["V1", "A1"]}]})


def _line(modality: Modality, number: int) -> SourceLine:
    words = _prompt("video.v1").split()
    first = random.randrange(len(words) - 16)
    return SourceLine(
        line=f"{modality.letter}{number}",
        modality=modality,
        start_s=0.0,
        end_s=random.uniform(1, 9),
        text=" ".join(words[first : first + random.randint(3, 16)]),
        confidence=random.random(),
    )


def _prompt(name: str, **values: str) -> str:
    return Template((tiny_models.PROMPTS / f"{name}.txt").read_text().strip()).safe_substitute(values)


def _answer(said: dict[str, Any]) -> str:
    return json.dumps(said, separators=(",", ":")) + tiny_models.END_OF_TURN


if __name__ == "__main__":
    build(sys.argv[1], Path(sys.argv[2]))
