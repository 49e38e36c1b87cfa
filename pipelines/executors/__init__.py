"""Executors run the same DAG in different places; stages know nothing of them."""
