"""What one call may cost, whatever its bytes claim. All are counts, never seconds, so that a clip that
decodes on one machine decodes on every other."""

from __future__ import annotations

from typing import Final

MAX_PACKETS: Final = 1_000_000
"""Frames of a clip."""
MAX_DECODED_PIXELS: Final = 1 << 36
"""Pixels decoded to reach the frames asked for: 9 hours of 256 x 456, 20 minutes of 1920 x 1080."""
MAX_AUDIO_SAMPLES: Final = 48_000 * 3600
"""Samples of a channel that are kept, at the rate of the file or that asked for."""
MAX_CHANNELS: Final = 64
MAX_RATE_HZ: Final = 768_000
MAX_STREAMS: Final = 64
"""Streams of a file; each costs memory when it is opened."""
