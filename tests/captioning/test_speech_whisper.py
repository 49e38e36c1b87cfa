"""openai-whisper: weights found, hashed and read safely; pieces decoded in batches, words aligned."""

from __future__ import annotations

import importlib.metadata
import json
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from captioning.records import DoubtReason
from captioning.speech.heard import Recognised
from captioning.speech.kinds import transcriber
from captioning.speech.whisper import WhisperConfig, WhisperRecogniser
from captioning.speech.whisper_weights import find_checkpoint, sha256_of
from curation.base.workspace import Workspace
from tests.captioning.speech_sources import source_of, text_of, transcribe
from tests.captioning.tiny_whisper import save, tone

try:
    importlib.metadata.version("openai-whisper")
except importlib.metadata.PackageNotFoundError:
    pytest.skip("openai-whisper is not installed: pip install 'cliploom[whisper]'", allow_module_level=True)

TEXT = " And so, my fellow Americans, ask not what your country can do for you."
WORDS = TEXT.split()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("whisper") / "tiny.pt", TEXT, language="de")


@pytest.fixture(scope="module")
def recogniser(checkpoint: Path) -> WhisperRecogniser:
    made = WhisperRecogniser(WhisperConfig(model=str(checkpoint), batch_size=2, device="cpu"))
    made.setup()
    return made


def words_of(heard: Sequence[Recognised]) -> list[list[str]]:
    return [[word.text for utterance in each.utterances for word in utterance.words] for each in heard]


def test_pieces_become_words_with_times_languages_and_doubts(recogniser: WhisperRecogniser) -> None:
    sounds = [tone(2.0), tone(9.0, 1), tone(30.0, 2)]
    heard = recogniser.hear("v", sounds, None)
    assert words_of(heard) == [WORDS] * 3
    for sound, each in zip(sounds, heard, strict=True):
        [utterance] = each.utterances
        assert next(iter(each.languages)) == "de"
        assert each.languages["de"] > 0.9
        assert len(each.languages) == 5
        assert utterance.text == TEXT.strip()
        assert utterance.mean_logprob is not None
        assert -0.2 < utterance.mean_logprob < 0
        assert utterance.no_speech is not None
        assert 0 <= utterance.no_speech < 0.01
        edges = [edge for word in utterance.words for edge in (word.start_s, word.end_s)]
        assert edges == sorted(edges)
        assert edges[0] >= 0
        assert edges[-1] <= len(sound) / 16000
        assert all(0.9 < word.confidence <= 1 for word in utterance.words)
    alone = recogniser.hear("v", sounds[1:2], "de")
    assert words_of(alone) == [WORDS]
    assert alone[0].languages == {}
    for word, same in zip(alone[0].utterances[0].words, heard[1].utterances[0].words, strict=True):
        assert word.start_s == pytest.approx(same.start_s, abs=0.1), "a batch changes nothing"


def test_half_precision_as_on_a_gpu_hears_the_same(checkpoint: Path) -> None:
    half = WhisperRecogniser(WhisperConfig(model=str(checkpoint), device="cpu"))
    half.setup()
    half._half = True
    [heard] = half.hear("v", [tone(2.0)], None)
    assert words_of([heard]) == [WORDS]
    assert heard.languages["de"] > 0.9


def test_a_source_goes_all_the_way(workspace: Workspace, shared_media: Path, checkpoint: Path) -> None:
    stage = transcriber(WhisperConfig(model=str(checkpoint), device="cpu"), workspace)
    stage.setup()
    transcript = transcribe(stage, source_of(shared_media / "audio" / "jfk.flac"))
    assert text_of(transcript) == TEXT.strip()
    assert transcript.language == "de"
    assert transcript.uncertain == ()
    assert (transcript.provenance.model, transcript.provenance.revision) == (
        "whisper tiny.pt",
        sha256_of(checkpoint),
    )
    assert json.loads(transcript.provenance.parameters)["languages"]["de"] > 0.9
    for name in ("silence.wav", "noise_33s.wav", "rain.mp3", "waltz_music.ogg"):
        empty = transcribe(stage, source_of(shared_media / "audio" / name))
        assert (text_of(empty), empty.language) == ("", None)


@pytest.mark.parametrize(
    ("text", "sureness", "reason"),
    [
        (" Thanks for watching!", 5.0, DoubtReason.KNOWN_PHRASE),
        (" I'm going to go to the store." * 6, 5.0, DoubtReason.COMPRESSIBLE),
        (TEXT, 0.3, DoubtReason.UNLIKELY),
    ],
)
def test_what_it_invents_over_real_speech_is_doubted(
    workspace: Workspace, shared_media: Path, tmp_path: Path, text: str, sureness: float, reason: DoubtReason
) -> None:
    path = save(tmp_path / "tiny.pt", text, sureness=sureness)
    stage = transcriber(WhisperConfig(model=str(path), device="cpu", language="en"), workspace)
    stage.setup()
    transcript = transcribe(stage, source_of(shared_media / "audio" / "jfk.flac"))
    assert text_of(transcript) == ""
    assert {doubt.reason for doubt in transcript.uncertain} == {reason}


def test_weights_are_found_by_name_or_path(tmp_path: Path) -> None:
    (tmp_path / "large-v3-turbo.pt").write_bytes(b"weights")
    for model in ("turbo", "large-v3-turbo", str(tmp_path / "large-v3-turbo.pt")):
        assert find_checkpoint(model, str(tmp_path)) == tmp_path / "large-v3-turbo.pt"
    config = WhisperConfig(model="turbo", weights=str(tmp_path))
    assert WhisperRecogniser(config).fingerprints()["weights"] == sha256_of(tmp_path / "large-v3-turbo.pt")


def test_missing_weights_are_named_with_the_way_to_get_them(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    stage = transcriber(WhisperConfig(model="small"), workspace)
    for attempt in (stage.setup, stage.key):
        with pytest.raises(
            ValueError, match=r"no weights at .*/whisper/small\.pt.*whisper\.load_model\('small'"
        ):
            attempt()
    with pytest.raises(ValueError, match=r"captioning\.speech\.model = /gone\.pt: no such file"):
        transcriber(WhisperConfig(model="/gone.pt"), workspace).setup()


def test_a_missing_package_is_named(
    checkpoint: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "whisper", None)
    stage = transcriber(WhisperConfig(model=str(checkpoint)), workspace)
    with pytest.raises(ValueError, match=r"needs openai-whisper .*pip install 'cliploom\[whisper\]'"):
        stage.setup()


class _Opens:
    """What a hostile file would run if it were unpickled."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/cliploom-was-unpickled"),))


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps({"dims": _Opens(), "model_state_dict": {}}, protocol=2),
        b"",
        b"<html>not found</html>",
    ],
    ids=["pickle", "empty", "html"],
)
def test_a_file_that_is_no_checkpoint_is_refused_and_runs_nothing(
    tmp_path: Path, workspace: Workspace, content: bytes
) -> None:
    path = tmp_path / "odd.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"odd\.pt: not a checkpoint of openai-whisper"):
        transcriber(WhisperConfig(model=str(path)), workspace).setup()
    assert not Path("/tmp/cliploom-was-unpickled").exists()


def test_other_weights_are_another_stage_and_batches_are_not(
    tmp_path: Path, checkpoint: Path, workspace: Workspace
) -> None:
    other = tmp_path / "other.pt"
    other.write_bytes(b"others")
    base = transcriber(WhisperConfig(model=str(checkpoint)), workspace).key()
    assert transcriber(WhisperConfig(model=str(checkpoint), batch_size=3), workspace).key() == base
    assert transcriber(WhisperConfig(model=str(other)), workspace).key() != base
    assert transcriber(WhisperConfig(model=str(checkpoint), language="de"), workspace).key() != base
