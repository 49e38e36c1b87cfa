"""What FFmpeg may use on untrusted media, for PyAV and for the command alike. Standard library only."""

from __future__ import annotations

_VIDEO_DECODERS = (
    "h264,hevc,av1,libdav1d,vp8,vp9,libvpx,libvpx-vp9,vp6,vp6a,vp6f,mpeg4,msmpeg4v1,msmpeg4v2,"
    "msmpeg4,mpeg1video,mpeg2video,h261,h263,h263p,h263i,flv,theora,vc1,wmv1,wmv2,wmv3,mjpeg,prores,"
    "dnxhd,dvvideo,ffv1,huffyuv,ffvhuff,rawvideo,svq1,svq3,cinepak,qtrle,png,webp"
)

_AUDIO_DECODERS = (
    "aac,aac_fixed,aac_latm,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,flac,alac,"
    "ac3,ac3_fixed,eac3,dca,truehd,mlp,wmav1,wmav2,wmapro,amrnb,amrwb,adpcm_ima_wav,adpcm_ima_qt,"
    "adpcm_ms,adpcm_swf,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,"
    "pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd,nellymoser,speex"
)

DECODERS = f"{_VIDEO_DECODERS},{_AUDIO_DECODERS}"
"""Decoders of formats in which people keep video; FFmpeg's long tail of game and camera formats is where
most of its past memory errors lie."""

PROTOCOLS = "file,pipe"
"""With a forced demuxer that refers to no other file, this leaves the named file alone."""


MAX_STREAMS = 1000
"""Streams that a demuxer may make; beyond, opening fails. `DecodeLimits.max_streams` is checked after."""


def decoder_options(max_pixels: int) -> dict[str, str]:
    """Options of a decoder.

    One thread: with more, what H.264, HEVC and VP8 decoders make of damaged data differs from run to run.
    """
    return {"codec_whitelist": DECODERS, "max_pixels": str(max_pixels), "threads": "1"}


def input_options(container: str, max_pixels: int) -> dict[str, str]:
    """Options for opening an input, with those of the decoders that inspect it."""
    return {
        "protocol_whitelist": PROTOCOLS,
        "format_whitelist": container,
        "max_streams": str(MAX_STREAMS),
        **decoder_options(max_pixels),
    }
