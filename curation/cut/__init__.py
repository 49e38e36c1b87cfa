"""From planned clips to clips with their media: SourceVideo + PlannedClip -> CutClip."""
