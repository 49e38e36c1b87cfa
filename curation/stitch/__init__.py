"""Which clips a source becomes: SourceVideo + Shot -> PlannedClip."""
