"""Batches are the same however they are decoded, and continue where they stopped."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import torch

from shards.reading import ShardError, TooManyDamagedError
from tests.training.shard_set import write_shards
from training.batch import Batch
from training.config import TrainConfig
from training.data import BatchLoader, open_stream, reading_notes
from training.randomness import Draw

Tiny = Callable[..., TrainConfig]


def batches(
    config: TrainConfig,
    count: int,
    stream: dict[str, object] | None = None,
    *,
    rank: int = 0,
    num_ranks: int = 1,
    epoch_cycle: int | None = None,
) -> list[Batch]:
    reader = open_stream(
        config.data, seed=config.seed, batch_size=config.batch_size, rank=rank, num_ranks=num_ranks
    )
    if stream is not None:
        reader.load_state_dict(stream)
    loader = BatchLoader(
        reader,
        config.data,
        batch_size=config.batch_size // num_ranks,
        num_frames=config.model.num_frames,
        seed=config.seed,
        epoch_cycle=epoch_cycle,
    )
    with closing(loader):
        found = [loader.next_batch(give_up=lambda: False) for _ in range(count)]
    return [batch for batch in found if batch is not None]


def same(one: Batch, other: Batch) -> bool:
    fields = ("draws", "positions", "stream")
    equal = all(getattr(one, field) == getattr(other, field) for field in fields)
    return equal and torch.equal(one.video_uint8, other.video_uint8)


def test_a_batch_is_what_it_says(tiny: Tiny) -> None:
    (batch,) = batches(tiny(), 1)
    assert batch.video_uint8.shape == (4, 4, 40, 40, 3)
    assert batch.video_uint8.dtype == torch.uint8
    assert batch.draws == tuple(Draw(0, 0, key) for key in batch.keys)
    assert [position.slot for position in batch.positions] == [1, 2, 3, 4]
    assert batch.stream["slot"] == 4
    assert batch.epoch == 0
    assert batch.sources == {}


def test_a_batch_comes_in_equal_parts(tiny: Tiny) -> None:
    (batch,) = batches(tiny(), 1)
    parts = list(batch.parts(2))
    assert [part.draws for part in parts] == [batch.draws[:2], batch.draws[2:]]
    assert torch.equal(torch.cat([part.video_uint8 for part in parts]), batch.video_uint8)


def test_ranks_share_the_batches_of_one(tiny: Tiny) -> None:
    whole = batches(tiny(), 6)
    for num_ranks in (2, 4):
        of_ranks = [batches(tiny(), 6, rank=rank, num_ranks=num_ranks) for rank in range(num_ranks)]
        for number, batch in enumerate(whole):
            rows = {
                draw: clip
                for rank in of_ranks
                for draw, clip in zip(rank[number].draws, rank[number].video_uint8, strict=True)
            }
            assert set(rows) == set(batch.draws)
            for draw, clip in zip(batch.draws, batch.video_uint8, strict=True):
                assert torch.equal(rows[draw], clip)
            assert all(rank[number].stream == batch.stream for rank in of_ranks)


def test_ranks_that_do_not_divide_the_lanes_are_refused(tiny: Tiny) -> None:
    with pytest.raises(ShardError, match="3 ranks do not divide the 64 lanes of the shards: use 1, 2, 4"):
        batches(tiny(batch_size=6), 1, num_ranks=3)


def test_frames_come_again_after_a_cycle_of_epochs(tiny: Tiny) -> None:
    found = batches(tiny(batch_size=5), 8, epoch_cycle=2)
    assert [batch.epoch for batch in found] == [0, 0, 1, 1, 2, 2, 3, 3]
    rows: dict[Draw, list[torch.Tensor]] = {}
    for batch in found:
        for draw, clip in zip(batch.draws, batch.video_uint8, strict=True):
            rows.setdefault(draw, []).append(clip)
    assert len(rows) == 20
    assert all(len(clips) == 2 and torch.equal(*clips) for clips in rows.values())


def test_notes_say_what_is_few(tiny: Tiny) -> None:
    config = tiny()
    with closing(open_stream(config.data, seed=0, batch_size=16, num_ranks=8)) as stream:
        assert reading_notes(stream, batch_size=4, num_ranks=2) == []
        few_samples, few_shards = reading_notes(stream, batch_size=16, num_ranks=8)
    assert few_samples.startswith("10 samples are fewer than batch_size = 16")
    assert few_shards.startswith("3 shards for 8 processes")
    assert "repack --count N makes more shards, N being at most samples / 8" in few_shards


def test_every_sample_comes_once_per_epoch_and_batches_cross_its_end(
    tiny: Tiny, videos: dict[str, bytes]
) -> None:
    draws = [draw for batch in batches(tiny(), 5) for draw in batch.draws]
    assert len(draws) == 20
    for epoch in (0, 1):
        assert sorted(draw.sample for draw in draws if draw.epoch == epoch) == sorted(videos)


def test_frames_differ_between_epochs(tiny: Tiny) -> None:
    rows = [
        (draw, clip)
        for batch in batches(tiny(), 5)
        for draw, clip in zip(batch.draws, batch.video_uint8, strict=True)
    ]
    first = next(clip for draw, clip in rows if draw == Draw(0, 0, "clip03"))
    second = next(clip for draw, clip in rows if draw == Draw(0, 1, "clip03"))
    assert not torch.equal(first, second)


def test_decoding_threads_change_nothing(tiny: Tiny) -> None:
    one = batches(tiny(data={"decode_threads": 1, "prefetch_batches": 1}), 6)
    many = batches(tiny(data={"decode_threads": 8, "prefetch_batches": 4}), 6)
    assert all(same(a, b) for a, b in zip(one, many, strict=True))


def test_the_stream_goes_on_from_any_batch(tiny: Tiny) -> None:
    whole = batches(tiny(), 6)
    for stopped_after in (1, 2, 5):
        stream = json.loads(json.dumps(whole[stopped_after - 1].stream))
        rest = batches(tiny(), 6 - stopped_after, stream)
        assert all(same(a, b) for a, b in zip(rest, whole[stopped_after:], strict=True))


@pytest.fixture
def damaged(videos: dict[str, bytes], tmp_path: Path) -> str:
    """Shards whose sixth clip is no video, though its bytes are those that were packed."""
    return write_shards(tmp_path / "damaged", videos | {"clip05": b"not a video" * 50}, per_shard=4)


def test_a_clip_that_does_not_decode_is_replaced_the_same_way_always(tiny: Tiny, damaged: str) -> None:
    one = batches(tiny(data={"train": damaged, "decode_threads": 1}), 5)
    many = batches(tiny(data={"train": damaged, "decode_threads": 8}), 5)
    for a, b in zip(one, many, strict=True):
        assert a.draws == b.draws
        assert torch.equal(a.video_uint8, b.video_uint8)
    keys = [key for batch in one for key in batch.keys]
    assert len(keys) == 20
    assert "clip05" not in keys
    assert one[-1].damaged == 1

    stream = json.loads(json.dumps(one[0].stream))
    rest = batches(tiny(data={"train": damaged}), 4, stream)
    for a, b in zip(rest, one[1:], strict=True):
        assert a.draws == b.draws
        assert torch.equal(a.video_uint8, b.video_uint8)


def test_too_much_damage_stops(tiny: Tiny, tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "bad", {f"clip{number}": b"nothing" for number in range(10)})
    with pytest.raises(TooManyDamagedError, match=r"damaged samples of .* a pass over 10"):
        batches(tiny(data={"train": shards}), 1)


def test_a_missing_tar_is_an_error_and_no_damage(
    tiny: Tiny, videos: dict[str, bytes], tmp_path: Path
) -> None:
    shards = write_shards(tmp_path / "gone", videos)
    for tar in Path(shards).glob("*.tar"):
        tar.unlink()
    with pytest.raises(FileNotFoundError):
        batches(tiny(data={"train": shards}), 1)


def picture(number: int) -> bytes:
    """A JPEG of one colour."""
    import io

    from PIL import Image

    sink = io.BytesIO()
    Image.new("RGB", (48, 40), (number * 20, 90, 200)).save(sink, "JPEG")
    return sink.getvalue()


@pytest.fixture
def images(tmp_path: Path) -> str:
    pictures = {f"image{number}": picture(number) for number in range(6)}
    return write_shards(tmp_path / "images", pictures, extension="jpg")


def test_images_and_videos_mix_in_batches_of_one_shape(tiny: Tiny, shards: str, images: str) -> None:
    mixture = {"clips": {"urls": shards, "weight": 3}, "images": {"urls": images, "weight": 1}}
    config = tiny(data={"train": None, "mixture": mixture})
    found = batches(config, 10)
    rows = [(key, clip) for batch in found for key, clip in zip(batch.keys, batch.video_uint8, strict=True)]
    shown = [clip for key, clip in rows if key.startswith("image")]
    assert abs(len(shown) - 10) <= 2
    for clip in shown:
        assert clip.shape == (4, 40, 40, 3)
        assert all(torch.equal(frame, clip[0]) for frame in clip)
    assert found[-1].stream["sources"]["images"]["cursor"] == len(shown)
    counted = sum((Counter(batch.sources) for batch in found), Counter[str]())
    assert counted == {"images": len(shown), "clips": 40 - len(shown)}
    for stopped_after in (1, 7):
        stream = json.loads(json.dumps(found[stopped_after - 1].stream))
        rest = batches(config, 10 - stopped_after, stream)
        assert all(same(a, b) for a, b in zip(rest, found[stopped_after:], strict=True))


def test_weights_change_at_a_step(tiny: Tiny, shards: str, images: str) -> None:
    schedule = [{"from_step": 0, "weight": 1}, {"from_step": 3, "weight": 0}]
    mixture = {"clips": {"urls": shards, "schedule": schedule}, "images": {"urls": images, "weight": 1}}
    found = batches(tiny(data={"train": None, "mixture": mixture}), 6)
    kinds = [{key[:4] for key in batch.keys} for batch in found]
    assert kinds[:3] == [{"clip", "imag"}] * 3
    assert kinds[3:] == [{"imag"}] * 3


def test_whole_batches_on_request(tiny: Tiny) -> None:
    found = batches(tiny(data={"epoch_remainder": "drop"}), 6)
    assert [{draw.epoch for draw in batch.draws} for batch in found] == [{0}, {0}, {1}, {1}, {2}, {2}]


def test_a_growing_data_set_is_followed(tiny: Tiny, shards: str) -> None:
    config = tiny(data={"follow": True})
    found = batches(config, 5)
    plain = batches(tiny(), 5)
    assert [batch.draws for batch in found] == [batch.draws for batch in plain]


def test_waiting_can_be_given_up(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny()
    reader = open_stream(config.data, seed=config.seed, batch_size=config.batch_size)
    monkeypatch.setattr(BatchLoader, "_read_ahead", lambda self: self._closed.wait())
    loader = BatchLoader(reader, config.data, batch_size=4, num_frames=4, seed=0)
    with closing(loader):
        assert loader.next_batch(give_up=lambda: True) is None


def test_closing_does_not_wait_for_a_store_that_is_away(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(data={"retry_s": 60.0})
    reader = open_stream(config.data, seed=config.seed, batch_size=config.batch_size)
    asked = threading.Event()

    def away(url: str, descriptor: int, offset: int, size: int) -> bytes:
        asked.set()
        raise OSError("away")

    monkeypatch.setattr("shards.reading.local_source.pread", away)
    monkeypatch.setattr("shards.reading.sources.random.uniform", lambda low, high: 30.0)
    loader = BatchLoader(reader, config.data, batch_size=4, num_frames=4, seed=0)
    assert asked.wait(20)
    began = time.monotonic()
    loader.close()
    assert time.monotonic() - began < 10
