"""Where the shots of a source begin and end: SourceVideo -> Shot."""
