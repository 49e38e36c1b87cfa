"""The DAGs, the executors that run them, and the one command."""
