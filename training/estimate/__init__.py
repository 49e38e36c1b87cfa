"""What a training would cost, worked out from its config without torch."""
