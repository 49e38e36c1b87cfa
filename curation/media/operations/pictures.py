"""Decodes stretches of a video stream once, and sends each frame in all the sizes that are wanted of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from av.filter import Graph
from av.video.frame import VideoFrame

from curation.media.child import RefusedError
from curation.media.operations.clip_window import ClipWindow
from curation.media.operations.cropping import UNCROPPED, Cropping
from curation.media.operations.decoding import Clock, open_decoder, search_decoder
from curation.media.operations.opening import time_base
from curation.media.operations.orientation import Filters, upright_filters
from curation.media.wire import Sender

_SCALER = "bicubic+accurate_rnd+bitexact"
_SKIPPED_PER_MESSAGE = 256
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc"}
"""Names of the matrix coefficients of ITU-T H.273 that the scaler knows."""


def run(
    sender: Sender,
    limits: Mapping[str, Any],
    *,
    path: str,
    container: str,
    stream: int,
    clips: Sequence[Mapping[str, Any]],
    sizes_px: Sequence[tuple[int, int]],
    still_size_px: tuple[int, int],
    shown_size_px: tuple[int, int],
    crop: Sequence[int],
    search: bool,
    threads: int,
) -> dict[str, Any]:
    """Send, for every frame of a clip, its pictures in `sizes_px` (limited range), and for the first frame
    at or after each time in the clip's `stills`, as for its first frame, a still (full range, BT.601).
    `crop` (left, top, right, bottom) is in pixels of the picture as it is shown, of `shown_size_px`. With
    `search` nothing is sent where the file cannot be searched for the first clip.

    Raises:
        RefusedError: there is damage, and more than one thread, which makes of it what chance has it.
    """
    begin = min(clip["start_pts"] for clip in clips)
    at = (path, container, limits, "video", stream)
    opened = search_decoder(*at, lambda _: begin, threads) if search else open_decoder(*at, threads=threads)
    if opened is None:
        return {}
    video, decoder = opened
    unit_s = time_base(video)
    cropping = Cropping(tuple(crop), shown_size_px)
    pictures = [Scaler(size, "{}:out_range=limited,format=yuv420p", unit_s, cropping) for size in sizes_px]
    still = Scaler(
        still_size_px, "{}:out_color_matrix=bt601:out_range=full,format=yuvj420p", unit_s, cropping
    )
    window = ClipWindow(clips)
    end = max(clip["end_pts"] for clip in clips)
    clock = Clock()
    first_pts: int | None = None
    for frame in decoder:
        pts = clock(frame)
        first_pts = pts if first_pts is None else first_pts
        if pts >= end:
            break
        if threads > 1 and (damage := decoder.damage()):
            raise RefusedError("decode_failed", f"is damaged ({damage})")
        progress_s = float((pts - first_pts) * unit_s)
        within = window.at(pts)
        if not within:
            if decoder.frames % _SKIPPED_PER_MESSAGE == 0:
                sender.send({"kind": "progress", "s": progress_s})
                sender.flush()
            continue
        colours = [frame.colorspace, frame.color_primaries, frame.color_trc]
        numbers = [clip.number for clip in within]
        header = {"pts": pts, "s": progress_s, "clips": numbers, "colours": [int(each) for each in colours]}
        for form, scaler in enumerate(pictures):
            sender.send({"kind": "picture", **header, "form": form}, scaler(frame))
        if not pictures:
            sender.send({"kind": "picture", **header, "form": -1})
        if shown := [clip.number for clip in within if clip.wants_still(pts)]:
            sender.send({"kind": "still", **header, "clips": shown, "form": -1}, still(frame))
    return {"damage": decoder.damage()}


class Scaler:
    """Filters on upright pictures, with `{}` for the scaler. The graph is built anew when the stream's
    format, size or orientation changes midway."""

    def __init__(
        self,
        size_px: tuple[int, int],
        chain: str,
        time_base: Fraction,
        cropping: Cropping = UNCROPPED,
    ) -> None:
        width, height = size_px
        self._chain = chain.format(f"scale={width}:{height}:flags={_SCALER}")
        self._cropping = cropping
        self._time_base = time_base
        self._key: tuple[Any, ...] | None = None
        self._turns: Filters = ()
        self._graph = Graph()

    def __call__(self, frame: VideoFrame) -> bytes:
        """The planes of a frame, one after the other, rows without padding."""
        if frame.key_frame or self._key is None:
            self._turns = upright_filters(frame)
        key = (
            *(frame.width, frame.height, frame.format.name),
            *(int(frame.colorspace), int(frame.color_range), self._turns),
        )
        if key != self._key:
            self._graph = self._build(frame)
            self._key = key
        frame.pts = None
        self._graph.vpush(frame)
        return self._graph.vpull().to_ndarray().tobytes()

    def _build(self, frame: VideoFrame) -> Graph:
        matrix = _MATRICES.get(int(frame.colorspace))
        known = f":colorspace={int(frame.colorspace)}" if matrix else ""
        known += f":range={int(frame.color_range)}" if int(frame.color_range) else ""
        ratio = f"{self._time_base.numerator}/{self._time_base.denominator}"
        size = f"{frame.width}x{frame.height}"
        graph = Graph()
        graph.threads = 1
        nodes = [
            graph.add("buffer", f"video_size={size}:pix_fmt={frame.format.name}:time_base={ratio}{known}")
        ]
        nodes += [graph.add(name, argument) for name, argument in self._turns]
        turned = any(name == "transpose" for name, _ in self._turns)
        upright_px = (frame.height, frame.width) if turned else (frame.width, frame.height)
        for part in [*self._cropping.filters(upright_px), *self._chain.split(",")]:
            name, _, argument = part.partition("=")
            nodes.append(graph.add(name, argument))
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes).configure()
        return graph
