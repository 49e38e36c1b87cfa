"""From shots to clips with their media: SourceVideo + Shot -> Clip."""
