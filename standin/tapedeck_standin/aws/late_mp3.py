"""Encode MP3s when they are first requested: that is most of the work for a recording, and few tests need it."""

import os
from pathlib import Path

from tapedeck.adapters.audio import WavCodec
from tapedeck_standin.aws.media import MediaFolder


class LateMp3Codec(WavCodec):
    """`ports.media.Codec` that leaves MP3s to `MediaFolder`, which encodes them when they are first read (C-342).

    Args:
        media: stores the audio.
    """

    def __init__(self, media: MediaFolder) -> None:
        self._media = media

    def encode(self, source: Path, target: Path) -> None:
        """Make a link to the stored WAV in place of the MP3; encode at once what is not stored, such as a mix."""
        stored = self._media.last_stored(source)
        if stored is not None:
            try:
                os.link(stored, target)
            except OSError:
                pass  # it was deleted, or the file system has no links
            else:
                return
        super().encode(source, target)
