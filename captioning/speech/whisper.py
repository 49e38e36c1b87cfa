"""Whisper by openai-whisper, in batches, with words aligned by the decoder's attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from captioning.audio.silero import SAMPLE_RATE_HZ, Floats
from captioning.speech.heard import Recognised, Utterance, Word
from captioning.speech.recogniser import AUTO, Recogniser, SpokenLanguageConfig, english_only, installed
from captioning.speech.whisper_weights import find_checkpoint, load_whisper, sha256_of
from curation.base.config import operational
from curation.base.stages import Resources

if TYPE_CHECKING:
    import torch
    from whisper import DecodingResult

LIKELIEST = 5
"""Languages of a piece that take part in the vote."""
_HOP = 160
_BEFORE = "\"'“¿([{-"
_AFTER = "\"'.。,，!！?？:：”)]}、"


class WhisperConfig(SpokenLanguageConfig):
    """Whisper (arXiv 2212.04356) by openai-whisper."""

    kind: Literal["whisper"] = Field("whisper", description="Whisper by openai-whisper, on this machine")
    model: str = Field(
        "large-v3-turbo", min_length=1, description="Official name of the weights, or the path of a .pt file"
    )
    weights: str | None = operational(
        None, description="Folder that holds weights given by name; default: ~/.cache/whisper"
    )
    batch_size: int = operational(8, ge=1, le=256, description="Pieces that are decoded at once")
    device: Literal["auto", "cpu", "cuda"] = operational(
        "auto", description="Where the network runs; auto: on a GPU where there is one"
    )


class WhisperRecogniser(Recogniser):
    """Takes the likeliest token each time: openai-whisper follows several texts at once for single sounds
    only. Text that a second draw might mend is doubted instead."""

    def __init__(self, config: WhisperConfig) -> None:
        self._config = config
        self.model = f"whisper {config.model.rsplit('/', 1)[-1]}"
        self.language = None if config.language == AUTO else config.language
        self.pieces_per_call = config.batch_size
        on_gpu = config.device == "cuda"
        self.resources = Resources(gpus=float(on_gpu), memory_bytes=4 << 30, batch_size=1)

    @cached_property
    def revision(self) -> str:
        """sha256 of the weights."""
        return sha256_of(find_checkpoint(self._config.model, self._config.weights))

    def setup(self) -> None:
        """Load the weights.

        Raises:
            ValueError: the package or the weights are missing, or there is no GPU where one is asked for, or
                the weights do not know the language.
        """
        import torch

        on_gpu = self._config.device != "cpu" and torch.cuda.is_available()
        if self._config.device == "cuda" and not on_gpu:
            raise ValueError("captioning.speech.device = cuda, but torch finds no GPU here. Set it to auto.")
        path = find_checkpoint(self._config.model, self._config.weights)
        self._network = load_whisper(path, self.revision, "cuda" if on_gpu else "cpu")
        self._half = on_gpu
        if not self._network.is_multilingual:
            self.language = english_only(self.language, self._config.model)

    def fingerprints(self) -> Mapping[str, str]:
        """The arithmetic and the weights."""
        versions = installed(("openai-whisper", "torch"), "whisper")
        return {**versions, "weights": self.revision}

    def parameters(self) -> Mapping[str, Any]:
        """How tokens are chosen."""
        return {"language": self._config.language, "temperature": 0}

    def hear(self, unit: str, sounds: Sequence[Floats], language: str | None) -> list[Recognised]:
        """The words of each sound, in one utterance."""
        size = self._config.batch_size
        return [
            heard
            for first in range(0, len(sounds), size)
            for heard in self._heard(sounds[first : first + size], language)
        ]

    def _heard(self, sounds: Sequence[Floats], language: str | None) -> list[Recognised]:
        import torch
        from whisper import DecodingOptions, decode

        with torch.inference_mode():
            features = self._features(sounds)
            languages = [{} for _ in sounds] if language else self._languages(features)
            options = DecodingOptions(language=language, without_timestamps=True, fp16=self._half)
            decoded = decode(self._network, features, options)
            return [
                Recognised(self._utterances(sound, result), spoken)
                for sound, result, spoken in zip(sounds, decoded, languages, strict=True)
            ]

    def _features(self, sounds: Sequence[Floats]) -> torch.Tensor:
        """What the encoder makes of sounds, [B, 1500, D]."""
        import torch
        from whisper import log_mel_spectrogram, pad_or_trim

        device, mels = self._network.device, self._network.dims.n_mels
        spectra = [log_mel_spectrogram(pad_or_trim(sound), mels, device=device) for sound in sounds]
        batch = torch.stack(spectra)
        features: torch.Tensor = self._network.encoder(batch.half() if self._half else batch)
        return features

    def _languages(self, features: torch.Tensor) -> list[dict[str, float]]:
        _, probabilities = self._network.detect_language(features)
        return [
            dict(sorted(spoken.items(), key=lambda item: -item[1])[:LIKELIEST]) for spoken in probabilities
        ]

    def _utterances(self, sound: Floats, result: DecodingResult) -> tuple[Utterance, ...]:
        words = self._words(sound, result)
        if not words:
            return ()
        return (
            Utterance(
                start_s=words[0].start_s,
                end_s=words[-1].end_s,
                text=result.text,
                words=words,
                mean_logprob=result.avg_logprob,
                no_speech=result.no_speech_prob,
            ),
        )

    def _words(self, sound: Floats, result: DecodingResult) -> tuple[Word, ...]:
        """The words of a result with times, punctuation at the word it belongs to."""
        from whisper.timing import find_alignment, merge_punctuations
        from whisper.tokenizer import get_tokenizer

        network = self._network
        tokenizer = get_tokenizer(
            network.is_multilingual,
            num_languages=network.num_languages,
            language=result.language,
            task="transcribe",
        )
        text_tokens = [token for token in result.tokens if token < tokenizer.eot]
        encoded = _Encoded(network)
        aligned = find_alignment(encoded, tokenizer, text_tokens, result.audio_features, len(sound) // _HOP)
        merge_punctuations(aligned, _BEFORE, _AFTER)
        end_s = len(sound) / SAMPLE_RATE_HZ
        return tuple(
            Word(
                start_s=min(float(each.start), end_s),
                end_s=min(float(each.end), end_s),
                text=each.word.strip(),
                confidence=float(each.probability),
            )
            for each in aligned
            if each.word.strip()
        )


class _Encoded:
    """A network whose encoder has been run already: alignment would run it a second time."""

    def __init__(self, network: Any) -> None:
        self.dims = network.dims
        self.device = network.device
        self.decoder = network.decoder
        self.alignment_heads = network.alignment_heads

    def __call__(self, features: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.decoder(tokens, features)
        return logits
