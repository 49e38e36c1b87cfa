"""What a cut needs of the sandbox: stretches of a stream decoded once, and packets as they are."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.media.checked import measure, pts, whole
from curation.media.outcome import nonsense
from curation.media.sandbox import MediaStream, Sandbox

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Size = tuple[int, int]
"""Width and height in pixels."""

_MAX_COLOUR = 255


@dataclass(frozen=True)
class WantedClip:
    """Frames with start_pts <= pts < end_pts; `stills` are times to look at, in pts from the start."""

    start_pts: int
    end_pts: int
    stills: tuple[int, ...]


@dataclass(frozen=True)
class Colours:
    """Matrix, primaries and transfer of a picture (code points of ITU-T H.273; 2 is unspecified)."""

    matrix: int
    primaries: int
    transfer: int


@dataclass(frozen=True)
class Picture:
    """A decoded frame in one of the wanted sizes: planes of YUV 4:2:0, one after the other. `clips` are the
    numbers of those that it belongs to, `form` the number of its size; None says that it is a still, full
    range, of BT.601."""

    pts: int
    clips: tuple[int, ...]
    form: int | None
    colours: Colours
    planes: bytes


@dataclass(frozen=True)
class MediaPacket:
    """A packet of a stream: `pts` in its time base, None where the file gives none; `key` says whether it
    decodes alone."""

    pts: int | None
    key: bool


class CuttingSandbox(Sandbox):
    """The sandbox with what only a cut asks of it."""

    def pictures(
        self,
        path: Path,
        container: str,
        stream: int,
        *,
        clips: Sequence[WantedClip],
        sizes_px: Sequence[Size],
        still_size_px: Size,
        shown_size_px: Size,
        crop: tuple[int, int, int, int] = (0, 0, 0, 0),
        search: bool = True,
        threads: int = 1,
    ) -> MediaStream[Picture]:
        """The frames of some clips, decoded once, in presentation order: each in all of `sizes_px` (with no
        size at all, each as a picture without planes), and as a still if it is a clip's first frame or the
        first at or after one of its times.

        Frames and their pts are those of `Sandbox.frames`. `crop` is cut off the picture as it is shown,
        upright and with square pixels, whose size is `shown_size_px`: left, top, right, bottom, in pixels.
        Decoding begins at a keyframe at or before the first clip, and there is no picture where none can be
        found without reading the whole file; or, without `search`, at the start of the file. With more than
        one thread damage ends the stream with an error, for its frames would depend on chance.

        Raises:
            DecodeError: while iterating; the stream cannot be decoded, or a limit is exceeded.
        """
        arguments = {
            "path": str(path),
            "container": container,
            "stream": stream,
            "clips": [
                {"start_pts": clip.start_pts, "end_pts": clip.end_pts, "stills": clip.stills}
                for clip in clips
            ],
            "sizes_px": list(sizes_px),
            "still_size_px": still_size_px,
            "shown_size_px": shown_size_px,
            "crop": crop,
            "search": search,
            "threads": threads,
        }
        sizes = [width * height * 3 // 2 for width, height in (*sizes_px, still_size_px)]
        return MediaStream(self._pictures(arguments, len(clips), sizes))

    def samples(
        self,
        path: Path,
        container: str,
        stream: int,
        *,
        size_px: Size,
        times_pts: Sequence[int],
        decode_all: bool = False,
    ) -> MediaStream[npt.NDArray[np.uint8]]:
        """Upright gray pictures [H, W], 0..255: the keyframe at or before each time where the file
        can be searched (and the first frame where not), or with `decode_all` the frame at each time.

        Raises:
            DecodeError: while iterating; the stream cannot be decoded, or a limit is exceeded.
        """
        arguments = {
            "path": str(path),
            "container": container,
            "stream": stream,
            "size_px": size_px,
            "times_pts": list(times_pts),
            "decode_all": decode_all,
        }
        return MediaStream(self._samples(arguments, size_px, len(times_pts)))

    def packets(
        self, path: Path, container: str, stream: int, *, start_pts: int, end_pts: int
    ) -> MediaStream[MediaPacket]:
        """Packets of a video stream in the order of the file, undecoded: from a keyframe at or before
        `start_pts` (or the file's beginning) to the last one that can be shown before `end_pts`.

        Raises:
            DecodeError: while iterating; the file cannot be opened, or a limit is exceeded.
        """
        arguments = {
            "path": str(path),
            "container": container,
            "stream": stream,
            "start_pts": start_pts,
            "end_pts": end_pts,
        }
        return MediaStream(self._packets(arguments))

    def _pictures(
        self, arguments: Mapping[str, Any], num_clips: int, sizes: Sequence[int]
    ) -> Generator[Picture, None, str | None]:
        with contextlib.closing(self._messages("pictures", arguments, max(sizes))) as messages:
            header, planes = next(messages)
            while (kind := header.get("kind")) in ("picture", "still"):
                try:
                    form = None if kind == "still" else whole(header["form"], least=-1, most=len(sizes) - 2)
                    expected = 0 if form == -1 else sizes[-1 if form is None else form]
                    matrix, primaries, transfer = (
                        whole(each, most=_MAX_COLOUR) for each in header["colours"]
                    )
                    picture = Picture(
                        pts=pts(header["pts"]),
                        clips=tuple(whole(each, most=num_clips - 1) for each in header["clips"]),
                        form=form,
                        colours=Colours(matrix, primaries, transfer),
                        planes=planes,
                    )
                    progress_s = measure(header["s"])
                    if len(planes) != expected:
                        raise ValueError(f"{len(planes)} bytes of a picture of {expected}")
                except (KeyError, TypeError, ValueError) as error:
                    raise nonsense(error) from None
                yield picture
                header, planes = messages.send(progress_s)
            return self._end(header)

    def _samples(
        self, arguments: Mapping[str, Any], size_px: Size, most: int
    ) -> Generator[npt.NDArray[np.uint8], None, str | None]:
        import numpy as np

        width, height = size_px
        count = 0
        with contextlib.closing(self._messages("samples", arguments, width * height)) as messages:
            header, gray = next(messages)
            while header.get("kind") == "sample":
                try:
                    progress_s = measure(header["s"])
                    count = whole(count + 1, most=most)
                    if len(gray) != width * height:
                        raise ValueError(f"{len(gray)} bytes of a picture of {width * height}")
                except (KeyError, ValueError) as error:
                    raise nonsense(error) from None
                yield np.frombuffer(gray, np.uint8).reshape(height, width)
                header, gray = messages.send(progress_s)
            return self._end(header)

    def _packets(self, arguments: Mapping[str, Any]) -> Generator[MediaPacket, None, str | None]:
        with contextlib.closing(self._messages("packets", arguments, 0)) as messages:
            header, _ = next(messages)
            while header.get("kind") == "packet":
                try:
                    shown = None if header["pts"] is None else pts(header["pts"])
                    packet = MediaPacket(shown, bool(header["key"]))
                    progress_s = measure(header["s"])
                except (KeyError, ValueError) as error:
                    raise nonsense(error) from None
                yield packet
                header, _ = messages.send(progress_s)
            return self._end(header)

    @staticmethod
    def _end(header: Mapping[str, Any]) -> str | None:
        if header.get("kind") != "end":
            raise nonsense("a message of an unknown kind")
        return None
