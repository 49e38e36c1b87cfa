"""Any image or video transformer of `transformers` as a teacher.

Shape suffixes: see `teacher.py`; F frames, or clips of a model of videos.
"""

# ruff: noqa: N803, N806 (shape suffixes)
from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.encoder_config import EncoderConfig
from training.teachers.config import HuggingFaceConfig
from training.teachers.frozen import (
    DTYPES,
    Colours,
    FrozenTeacher,
    attention_of_clips,
    attention_of_frames,
    by_clip,
    unit,
    unit_layers,
)
from training.teachers.huggingface_hooks import attention_rows, outputs
from training.teachers.huggingface_model import (
    Described,
    describe,
    load_model,
    read_colours,
    run,
)
from training.teachers.teacher import TeacherTargets


class HuggingFaceTeacher(FrozenTeacher):
    """Features of blocks as `hidden_states` has them; models of images see each frame on its own.

    A model of images gives a clip the mean of its frames' class tokens and pooled vectors. Registers are
    left out.
    """

    def __init__(
        self, config: HuggingFaceConfig, described: Described, model: nn.Module, colours: Colours
    ) -> None:
        super().__init__(config, described.spec, model, colours)
        self._described = described
        self._model = model

    @classmethod
    def load(
        cls, config: HuggingFaceConfig, student: EncoderConfig, device: torch.device
    ) -> HuggingFaceTeacher:
        """Read the model from its folder, the hub or the hub's local cache.

        Raises:
            ValueError: it cannot be had as safetensors, or is no such teacher.
        """
        described = describe(config, student)
        model = load_model(config, described, DTYPES[config.precision])
        return cls(config, described, model.to(device), read_colours(config))

    def _look(self, video_BCTHW: Tensor) -> TeacherTargets:
        it, slots = self._described, self.spec.grid[0]
        batch = len(video_BCTHW)
        pixels = video_BCTHW.transpose(1, 2)
        if not it.is_video:
            pixels = pixels.flatten(0, 1)
        with (
            attention_rows(self._model, only=() if it.looks is None else {it.looks}) as rows,
            outputs(self._model, only=set(it.modules)) as given,
        ):
            seen = run(self._model, pixels, it.options, hidden_states=not it.modules)
        raw = (
            [given[name][0] for name in it.modules]
            if it.modules
            else [seen.hidden_states[index] for index in it.blocks]
        )
        layers = [self._without_registers(layer_FLD) for layer_FLD in raw]
        final_FD = None if it.final is None else getattr(seen, it.final).float()
        attention_BTN = None
        if it.looks is not None:
            weights_FN = rows[it.looks][1][:, it.prefix_tokens :]
            share_out = attention_of_clips if it.is_video else attention_of_frames
            attention_BTN = share_out(weights_FN, slots)
        if not it.is_video:
            layers = [by_clip(layer_FLD, batch, int(self.spec.class_token)) for layer_FLD in layers]
            final_FD = None if final_FD is None else final_FD.unflatten(0, (batch, slots)).mean(dim=1)
        return TeacherTargets(
            middle_KBLD=unit_layers(layers),
            final_BD=None if final_FD is None else unit(final_FD),
            attention_BTN=attention_BTN,
        )

    def _without_registers(self, x_FLD: Tensor) -> Tensor:
        prefix = self._described.prefix_tokens
        return x_FLD if prefix < 2 else torch.cat([x_FLD[:, :1], x_FLD[:, prefix:]], dim=1)
