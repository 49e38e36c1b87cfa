"""How a model is trained on one process or many: one interface, the same losses behind each."""
