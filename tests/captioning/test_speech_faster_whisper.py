"""faster-whisper: the same weights in CTranslate2's form give the same words at the same times."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

from captioning.records import DoubtReason
from captioning.speech.faster_whisper import FasterWhisperConfig, FasterWhisperRecogniser
from captioning.speech.kinds import transcriber
from captioning.speech.whisper import WhisperConfig, WhisperRecogniser
from curation.base.workspace import Workspace
from tests.captioning.speech_sources import source_of, text_of, transcribe
from tests.captioning.tiny_ctranslate2 import save_folder
from tests.captioning.tiny_whisper import checkpoint, save, tone

for package in ("faster-whisper", "openai-whisper"):
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip(f"{package} is not installed: pip install 'cliploom[whisper]'", allow_module_level=True)

TEXT = " And so, my fellow Americans, ask not what your country can do for you."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_folder(tmp_path_factory.mktemp("ct2") / "tiny", checkpoint(TEXT, language="de"))


def config_of(folder: Path, **fields: object) -> FasterWhisperConfig:
    return FasterWhisperConfig(model=str(folder), device="cpu", **fields)  # type: ignore[arg-type]


def test_words_and_times_are_those_of_openai_whisper(folder: Path, tmp_path: Path) -> None:
    ours = FasterWhisperRecogniser(config_of(folder, batch_size=2))
    theirs = WhisperRecogniser(
        WhisperConfig(model=str(save(tmp_path / "tiny.pt", TEXT, language="de")), device="cpu")
    )
    sounds = [tone(2.345), tone(9.0, 1), tone(0.7, 3), tone(30.0, 2)]
    ours.setup()
    theirs.setup()
    heard, reference = (each.hear("v", sounds, None) for each in (ours, theirs))
    for sound, one, other in zip(sounds, heard, reference, strict=True):
        assert one.languages.keys() == other.languages.keys()
        assert one.languages["de"] == pytest.approx(other.languages["de"], abs=1e-3)
        [own], [same] = one.utterances, other.utterances
        assert own.text == same.text == TEXT.strip()
        assert [word.text for word in own.words] == [word.text for word in same.words] == TEXT.split()
        assert own.mean_logprob == pytest.approx(same.mean_logprob, abs=0.05)
        assert own.no_speech == pytest.approx(same.no_speech, abs=1e-3)
        for word, twin in zip(own.words, same.words, strict=True):
            assert 0 <= word.start_s <= word.end_s <= len(sound) / 16000
            assert word.confidence == pytest.approx(twin.confidence, abs=0.01)
        apart = [abs(word.end_s - twin.end_s) for word, twin in zip(own.words, same.words, strict=True)]
        assert sorted(apart)[len(apart) // 2] <= 0.3


def test_a_source_goes_all_the_way(workspace: Workspace, shared_media: Path, folder: Path) -> None:
    stage = transcriber(config_of(folder), workspace)
    stage.setup()
    transcript = transcribe(stage, source_of(shared_media / "audio" / "jfk.flac"))
    assert text_of(transcript) == TEXT.strip()
    assert transcript.language == "de"
    assert transcript.provenance.model == "faster-whisper tiny"
    assert len(transcript.provenance.revision) == 64
    for name in ("silence.wav", "noise_33s.wav", "rain.mp3", "waltz_music.ogg"):
        assert text_of(transcribe(stage, source_of(shared_media / "audio" / name))) == ""


def test_what_it_invents_over_real_speech_is_doubted(
    workspace: Workspace, shared_media: Path, tmp_path: Path
) -> None:
    folder = save_folder(tmp_path / "tiny", checkpoint(" Thanks for watching!"))
    stage = transcriber(config_of(folder, language="en", beam_size=1), workspace)
    stage.setup()
    transcript = transcribe(stage, source_of(shared_media / "audio" / "jfk.flac"))
    assert text_of(transcript) == ""
    assert [doubt.reason for doubt in transcript.uncertain] == [DoubtReason.KNOWN_PHRASE]


def test_a_name_needs_a_commit_and_a_folder_all_its_files(tmp_path: Path, workspace: Workspace) -> None:
    by_name = FasterWhisperConfig(model="Systran/faster-whisper-tiny")
    with pytest.raises(ValueError, match=r"no such folder here.*captioning\.speech\.revision"):
        transcriber(by_name, workspace).key()
    pinned = by_name.model_copy(update={"revision": "a" * 40})
    assert FasterWhisperRecogniser(pinned).fingerprints()["weights"] == "a" * 40
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"config\.json, tokenizer\.json missing"):
        transcriber(config_of(tmp_path), workspace).setup()


def test_a_folder_with_other_things_in_it_is_refused(
    folder: Path, tmp_path: Path, workspace: Workspace
) -> None:
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.bin").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=f"{tmp_path}: cannot be loaded"):
        transcriber(config_of(tmp_path), workspace).setup()


def test_a_missing_package_is_named(
    folder: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(ValueError, match=r"needs faster-whisper .*pip install 'cliploom\[whisper\]'"):
        transcriber(config_of(folder), workspace).setup()


def test_what_shapes_the_text_is_in_the_stage_key(folder: Path, workspace: Workspace) -> None:
    base = transcriber(config_of(folder), workspace).key()
    assert transcriber(config_of(folder, batch_size=2, threads=4), workspace).key() == base
    for fields in ({"beam_size": 1}, {"compute_type": "int8"}, {"language": "de"}):
        assert transcriber(config_of(folder, **fields), workspace).key() != base
