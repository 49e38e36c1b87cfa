"""What a model sees of a clip: crops, flips and masks, drawn from the sample and never from its place."""
