"""Quality filters: every clip is scored by each, then admitted or rejected: CutClip -> Score -> Clip."""
