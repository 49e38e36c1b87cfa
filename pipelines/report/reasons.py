"""What the reasons of rejection mean, in a sentence each."""

from __future__ import annotations

from collections.abc import Mapping

from curation.base.rejects import Reason

MEANING: Mapping[Reason, str] = {
    Reason.EMPTY_FILE: "The file has no bytes.",
    Reason.NOT_MEDIA: "The first bytes are those of no video or sound format.",
    Reason.UNSUPPORTED_FORMAT: "A media format or codec that is not on the list of allowed ones.",
    Reason.UNREADABLE: "The container is damaged: nothing can be demuxed from it.",
    Reason.NO_VIDEO: "There is no video stream (cover art does not count).",
    Reason.FRAME_TOO_SMALL: "The picture is smaller than the configured minimum.",
    Reason.FRAME_TOO_LARGE: "The picture is larger than the configured maximum.",
    Reason.TOO_MANY_STREAMS: "More streams than the configured maximum.",
    Reason.TOO_SHORT: "Shorter than the configured minimum.",
    Reason.TOO_LONG: "Longer than the configured maximum.",
    Reason.ALL_BLACK: "Every frame is black, so there is nothing to see.",
    Reason.STILL: "Next to nothing changes from frame to frame: less than the configured minimum.",
    Reason.TOO_DYNAMIC: "More changes from frame to frame than the configured maximum.",
    Reason.NOT_CHOSEN: "Part of a long scene of which a random piece is used, or others score better.",
    Reason.FILTERED: "A filter's or a caption gate's score lies outside its thresholds.",
    Reason.DECODE_FAILED: "The packets are there, but frames could not be decoded from them.",
    Reason.DECODE_LIMIT: "Decoding wanted more memory, time or output than is allowed.",
    Reason.DECODE_TIMEOUT: "Decoding did not finish in the time allowed.",
    Reason.ENCODE_FAILED: "The clip could not be encoded.",
    Reason.NO_KEYFRAME: "No keyframe lies in the clip, so its packets cannot be copied.",
    Reason.DUPLICATE_SOURCE: "Another input has the same content and is used instead.",
    Reason.DUPLICATE_CLIP: "Another clip has the same content and is used instead.",
    Reason.CAPTION_FAILED: "The captioner gave no usable answer.",
    Reason.FUSION_FAILED: "The fusion gave no usable answer.",
    Reason.NO_CAPTION: "No captioner had anything to say of the clip.",
    Reason.WORKER_DIED: "The worker died on this input again and again, so it was set aside.",
}
