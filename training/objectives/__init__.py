"""What a model is trained to do, one loss per file; `kind` in a config chooses among them."""
