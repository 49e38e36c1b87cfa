"""Whisper by faster-whisper (CTranslate2): several times as fast, and 8-bit where wanted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.speech.heard import Recognised, Utterance, Word
from captioning.speech.recogniser import AUTO, Recogniser, SpokenLanguageConfig, english_only, installed
from captioning.speech.whisper_weights import sha256_of
from curation.base.config import operational
from curation.base.stages import Resources

if TYPE_CHECKING:
    from faster_whisper.transcribe import Segment

LIKELIEST = 5
"""Languages of a piece that take part in the vote."""
_SEEK_SLACK_S = 0.02
"""Beginnings of sounds come back rounded down to 10 ms."""
_NEEDED = ("model.bin", "config.json", "tokenizer.json")
_OPTIONAL = ("preprocessor_config.json", "vocabulary.json", "vocabulary.txt")


class FasterWhisperConfig(SpokenLanguageConfig):
    """Whisper (arXiv 2212.04356) by faster-whisper."""

    kind: Literal["faster_whisper"] = Field(
        "faster_whisper", description="Whisper by faster-whisper (CTranslate2), on this machine"
    )
    model: str = Field(
        ...,
        min_length=1,
        description="Folder of a converted model, or its name on the Hugging Face hub, "
        "e.g. Systran/faster-whisper-large-v3",
    )
    revision: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{40}$",
        description="Commit on the hub (40 hex digits); needed for a model given by its name",
    )
    compute_type: Literal["default", "float32", "float16", "int8", "int8_float16"] = Field(
        "default", description="Numbers that the network computes with; default: those of its file"
    )
    beam_size: int = Field(
        5, ge=1, le=16, description="Texts that are followed at once; 1: the likeliest word"
    )
    batch_size: int = operational(8, ge=1, le=256, description="Pieces that are decoded at once")
    threads: int = operational(1, ge=1, le=64, description="Threads on a CPU")
    device: Literal["auto", "cpu", "cuda"] = operational(
        "auto", description="Where the network runs; auto: on a GPU where there is one"
    )


class FasterWhisperRecogniser(Recogniser):
    """Decodes at temperature 0 only: text that a second draw would mend is doubted instead."""

    def __init__(self, config: FasterWhisperConfig) -> None:
        self._config = config
        self.model = f"faster-whisper {Path(config.model).name}"
        self.language = None if config.language == AUTO else config.language
        self.pieces_per_call = config.batch_size
        on_gpu = config.device == "cuda"
        cpus = 1.0 if on_gpu else float(config.threads)
        self.resources = Resources(cpus=cpus, gpus=float(on_gpu), memory_bytes=4 << 30, batch_size=1)

    @cached_property
    def revision(self) -> str:
        """The commit on the hub, or the sha256 of the folder's files.

        Raises:
            ValueError: the folder lacks a file, or a name comes without a commit.
        """
        if not _is_folder(self._config.model):
            if self._config.revision is None:
                raise ValueError(
                    f"captioning.speech.model = {self._config.model}: no such folder here. Give the folder "
                    "of a CTranslate2 model, or with a name on the hub captioning.speech.revision, its commit"
                )
            return self._config.revision
        folder = Path(self._config.model).expanduser()
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if missing:
            raise ValueError(
                f"captioning.speech.model = {folder}: {', '.join(missing)} missing. It must hold Whisper for "
                "CTranslate2: ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json"
            )
        names = [*_NEEDED, *(name for name in _OPTIONAL if (folder / name).is_file())]
        hashes = [f"{name} {sha256_of(folder / name)}" for name in names]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()

    def setup(self) -> None:
        """Load the weights, which are fetched from the hub where they are given by name and not here yet.

        Raises:
            ValueError: the package or the weights are missing or cannot be used.
        """
        revision = self.revision
        try:
            from faster_whisper import BatchedInferencePipeline, WhisperModel
        except ImportError as error:
            raise ValueError(
                f"captioning.speech.kind = faster_whisper needs faster-whisper ({error}). "
                "Install it with: pip install 'cliploom[whisper]'"
            ) from None
        by_name = not _is_folder(self._config.model)
        model = self._config.model if by_name else str(Path(self._config.model).expanduser())
        try:
            self._network = WhisperModel(
                model,
                device=self._config.device,
                compute_type=self._config.compute_type,
                cpu_threads=self._config.threads,
                revision=revision if by_name else None,
            )
        except (OSError, RuntimeError, ValueError) as error:
            where = f"the hub's commit {revision} or its copy on this machine" if by_name else model
            raise ValueError(
                f"captioning.speech.model = {model}: cannot be loaded from {where} ({error})"
            ) from error
        self._pipeline = BatchedInferencePipeline(self._network)
        if not self._network.model.is_multilingual:
            self.language = english_only(self.language, self._config.model)

    def fingerprints(self) -> Mapping[str, str]:
        """The arithmetic and the weights."""
        versions = installed(("faster-whisper", "ctranslate2"), "faster_whisper")
        return {**versions, "weights": self.revision}

    def parameters(self) -> Mapping[str, Any]:
        """How text is searched for."""
        return {
            "beam_size": self._config.beam_size,
            "compute_type": self._config.compute_type,
            "language": self._config.language,
            "temperature": 0,
        }

    def hear(self, unit: str, sounds: Sequence[Floats], language: str | None) -> list[Recognised]:
        """The words of each sound, in one utterance; each in its own language where none is given."""
        languages = [{} for _ in sounds] if language else [self._languages(sound) for sound in sounds]
        spoken = [language or next(iter(each)) for each in languages]
        heard: dict[int, tuple[Utterance, ...]] = {}
        for code, numbers in groupby(
            sorted(range(len(sounds)), key=lambda n: spoken[n]), lambda n: spoken[n]
        ):
            own = list(numbers)
            heard |= zip(own, self._utterances([sounds[number] for number in own], code), strict=True)
        return [Recognised(heard[number], languages[number]) for number in range(len(sounds))]

    def _languages(self, sound: Floats) -> dict[str, float]:
        _, _, probabilities = self._network.detect_language(audio=sound)
        return dict(sorted(probabilities, key=lambda each: -each[1])[:LIKELIEST])

    def _utterances(self, sounds: Sequence[Floats], language: str) -> list[tuple[Utterance, ...]]:
        """What is said in each sound. The pipeline wants them in one array, with the times of each."""
        ends = np.cumsum([len(sound) for sound in sounds])
        edges = [0.0, *(float(end) / SAMPLE_RATE_HZ for end in ends)]
        segments, _ = self._pipeline.transcribe(
            np.concatenate(list(sounds)),
            language=language,
            beam_size=self._config.beam_size,
            temperature=0.0,
            vad_filter=False,
            word_timestamps=True,
            without_timestamps=True,
            clip_timestamps=[{"start": start, "end": end} for start, end in pairwise(edges)],
            batch_size=self._config.batch_size,
        )
        said: list[tuple[Utterance, ...]] = [() for _ in sounds]
        for segment in segments:
            number = min(
                int(np.searchsorted(edges, segment.seek / 100 + _SEEK_SLACK_S, "right")) - 1, len(sounds) - 1
            )
            said[number] += _utterance(segment, edges[number], edges[number + 1])
        return said


def _utterance(segment: Segment, start_s: float, end_s: float) -> tuple[Utterance, ...]:
    words = tuple(_words(segment, start_s, end_s - start_s))
    if not words:
        return ()
    return (
        Utterance(
            start_s=words[0].start_s,
            end_s=words[-1].end_s,
            text=segment.text.strip(),
            words=words,
            mean_logprob=float(segment.avg_logprob),
            no_speech=float(segment.no_speech_prob),
        ),
    )


def _words(segment: Segment, shift_s: float, duration_s: float) -> Iterable[Word]:
    for word in segment.words or ():
        if word.word.strip():
            yield Word(
                start_s=min(max(0.0, float(word.start) - shift_s), duration_s),
                end_s=min(max(0.0, float(word.end) - shift_s), duration_s),
                text=word.word.strip(),
                confidence=float(word.probability),
            )


def _is_folder(model: str) -> bool:
    return Path(model).expanduser().is_dir()
