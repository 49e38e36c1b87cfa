"""What a run leaves behind to go on from: written, found, checked, copied, exported."""
