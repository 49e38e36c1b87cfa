"""The measured audio captioner says what is so: on sound whose truth is known, and on recordings."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from captioning.audio.loudness import integrated_loudness
from captioning.audio.measured import MeasuredAudioCaptioner, MeasuredAudioConfig
from captioning.audio.tempo import tempo
from captioning.audio.tonality import flatness
from captioning.records import Caption, Modality
from curation.base.workspace import Workspace
from curation.filters.measures.sound import samples_of
from curation.records import Clip
from tests.captioning.measured_clips import (
    SAMPLE_RATE_HZ,
    clip_of_file,
    clip_of_frames,
    clip_of_sound,
    ffmpeg,
    flac_of,
)


@pytest.fixture
def captioner(workspace: Workspace) -> MeasuredAudioCaptioner:
    stage = MeasuredAudioCaptioner(MeasuredAudioConfig(), workspace)
    stage.setup()
    return stage


def caption(captioner: MeasuredAudioCaptioner, clip: Clip) -> Caption:
    [found] = list(captioner([clip]))
    assert isinstance(found, Caption)
    assert found.text == " ".join(line.text for line in found.segments)
    assert all(0 <= line.start_s <= line.end_s <= clip.duration_s + 1e-3 for line in found.segments)
    assert all(0 <= line.confidence <= 1 for line in found.segments)
    return found


def time_axis(duration_s: float) -> np.ndarray:
    return np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ


def sine(frequency_hz: float, amplitude: float, duration_s: float = 5.0) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time_axis(duration_s))).astype(np.float32)


def white_noise(level: float, duration_s: float = 5.0) -> np.ndarray:
    return (level * np.random.default_rng(1).normal(size=round(duration_s * SAMPLE_RATE_HZ))).astype(
        np.float32
    )


def clicks(per_minute: float, duration_s: float = 8.0) -> np.ndarray:
    sound = white_noise(0.001, duration_s)
    burst = white_noise(0.3, 0.025) * np.exp(-np.arange(400) / 80).astype(np.float32)
    for start_s in np.arange(0, duration_s - 0.1, 60 / per_minute):
        start = round(start_s * SAMPLE_RATE_HZ)
        sound[start : start + 400] += burst
    return sound


def test_a_clip_without_sound_track(captioner: MeasuredAudioCaptioner, workspace: Workspace) -> None:
    found = caption(captioner, clip_of_sound(workspace, None))
    assert found.text == "The clip has no sound track."
    assert found.confidence == 1
    assert found.modality is Modality.AUDIO


def test_digital_silence(captioner: MeasuredAudioCaptioner, workspace: Workspace) -> None:
    found = caption(captioner, clip_of_sound(workspace, np.zeros(32000, np.float32)))
    assert found.text == "The sound track is silent."


def test_a_sine_is_tonal_and_as_loud_as_it_is(
    captioner: MeasuredAudioCaptioner, workspace: Workspace
) -> None:
    text = caption(captioner, clip_of_sound(workspace, sine(997, 0.1))).text
    assert "The sound is tonal" in text
    # BS.1770-4: a 997 Hz sine at 0 dBFS in one channel reads -3.01 LUFS, so one at -20 dBFS -23.0.
    assert "of moderate loudness (integrated loudness -23.0 LUFS)" in text
    assert "The sound is never silent." in text
    assert "No speech was found" in text
    assert "beat" not in text


def test_white_noise_is_noisy(captioner: MeasuredAudioCaptioner, workspace: Workspace) -> None:
    text = caption(captioner, clip_of_sound(workspace, white_noise(0.1))).text
    assert "The sound is noisy" in text
    assert "No speech was found" in text
    assert "beat" not in text


def test_noise_with_little_treble_is_noise() -> None:
    spectrum = np.fft.rfft(white_noise(0.1, 10))
    spectrum /= np.maximum(np.fft.rfftfreq(10 * SAMPLE_RATE_HZ, 1 / SAMPLE_RATE_HZ), 100) ** 2
    rumble = np.fft.irfft(spectrum)
    value = flatness((rumble / np.abs(rumble).max()).astype(np.float32))
    assert value is not None
    assert value > 0.5


@pytest.mark.parametrize("per_minute", [72, 100, 120, 150])
def test_clicks_have_their_tempo(
    captioner: MeasuredAudioCaptioner, workspace: Workspace, per_minute: int
) -> None:
    text = caption(captioner, clip_of_sound(workspace, clicks(per_minute))).text
    found = re.search(r"regular beat of about (\d+) per minute", text)
    assert found is not None
    assert int(found[1]) == pytest.approx(per_minute, abs=1)


def test_irregular_clicks_have_none() -> None:
    sound = white_noise(0.001, 10)
    for start in np.random.default_rng(7).integers(0, 9 * SAMPLE_RATE_HZ, 20):
        sound[start : start + 400] += white_noise(0.3, 0.025)
    assert tempo(sound) is None


def test_noise_that_stops_has_no_beat() -> None:
    sound = white_noise(0.02, 11)
    sound[5 * SAMPLE_RATE_HZ :] = 0
    assert tempo(sound) is None


def test_loudness_of_a_long_sound_is_that_of_its_parts() -> None:
    short = sine(997, 0.1, 2)
    assert integrated_loudness(np.tile(short, 65)) == pytest.approx(integrated_loudness(short), abs=0.01)


def test_a_pause_is_found_where_it_is(captioner: MeasuredAudioCaptioner, workspace: Workspace) -> None:
    sound = white_noise(0.1, 6)
    sound[2 * SAMPLE_RATE_HZ : round(3.5 * SAMPLE_RATE_HZ)] = 0
    found = caption(captioner, clip_of_sound(workspace, sound))
    assert "Silence fills 25 % of the clip" in found.text
    [pause] = [line for line in found.segments if line.text.startswith("It is silent")]
    assert pause.text == "It is silent from 2.0 s to 3.5 s."
    assert (pause.start_s, pause.end_s) == (2.0, 3.5)


def test_sound_that_ends_before_the_picture(captioner: MeasuredAudioCaptioner, workspace: Workspace) -> None:
    black = [np.zeros((64, 64, 3), np.uint8)] * 24
    found = caption(captioner, clip_of_frames(workspace, black, 4, white_noise(0.1, 4)))
    assert "The sound ends at 4.0 s." in found.text


@pytest.mark.parametrize("samples", [32, 1000, 3000])
def test_very_short_sound_is_captioned(
    captioner: MeasuredAudioCaptioner, workspace: Workspace, samples: int
) -> None:
    found = caption(captioner, clip_of_sound(workspace, white_noise(0.1)[:samples]))
    assert "LUFS" in found.text


def test_loudness_agrees_with_ffmpeg(shared_media: Path) -> None:
    for name in ("audio/jfk.flac", "audio/pibble.ogg", "audio/rain.mp3"):
        flac = ffmpeg(
            "-i",
            str(shared_media / name),
            "-ar",
            "16000",
            "-ac",
            "1",
            "-sample_fmt",
            "s16",
            "-f",
            "flac",
            "-",
        )
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", "-", "-af", "ebur128", "-f", "null", "-"]
        report = subprocess.run(command, input=flac, capture_output=True, check=True).stderr.decode()
        expected = float(re.findall(r"I:\s+(-[\d.]+) LUFS", report)[-1])
        assert integrated_loudness(samples_of(flac)) == pytest.approx(expected, abs=0.15)


def test_sound_of_another_kind_is_refused() -> None:
    stereo = ffmpeg("-f", "lavfi", "-i", "sine=duration=1", "-ac", "2", "-ar", "44100", "-f", "flac", "-")
    with pytest.raises(ValueError, match="expected 16000 Hz mono"):
        samples_of(stereo)
    assert samples_of(flac_of(np.zeros(70, np.float32))).shape == (70,)


def test_recordings(captioner: MeasuredAudioCaptioner, workspace: Workspace, shared_media: Path) -> None:
    def text_of(name: str) -> str:
        return caption(captioner, clip_of_file(workspace, shared_media / name, 0, 20)).text

    jfk = text_of("audio/jfk.flac")
    assert "Speech is present during 72 % of the clip from 0.3 s to 10.6 s" in jfk
    assert "beat" not in jfk
    rain = text_of("audio/rain.mp3")
    assert "The sound is noisy" in rain
    assert "No speech was found" in rain
    assert "beat" not in rain
    waltz = text_of("audio/waltz_music.ogg")
    assert "The sound is tonal" in waltz
    assert "No speech was found" in waltz
    # Mains hum at 50, 150 and 250 Hz carries most of its power.
    assert "The sound is tonal" in text_of("audio/noise_33s.wav")
    assert text_of("odd/silent-black-10s.mp4") == "The sound track is silent."


def test_the_same_clip_gives_the_same_caption(
    captioner: MeasuredAudioCaptioner, workspace: Workspace
) -> None:
    clip = clip_of_sound(workspace, clicks(120))
    again = MeasuredAudioCaptioner(MeasuredAudioConfig(), workspace)
    again.setup()
    first, second = caption(captioner, clip), caption(again, clip)
    assert first == second
    assert first.provenance.stage_key == captioner.key()
    assert '"start_probability":0.5' in first.provenance.parameters


def test_every_clip_of_a_batch_gets_one_caption(
    captioner: MeasuredAudioCaptioner, workspace: Workspace
) -> None:
    clips = [
        clip_of_sound(workspace, white_noise(0.1, 1), name="a"),
        clip_of_sound(workspace, None, name="b"),
        clip_of_sound(workspace, sine(440, 0.2, 1), name="c"),
    ]
    assert [found.clip_id for found in captioner(clips)] == ["clip-a", "clip-b", "clip-c"]
