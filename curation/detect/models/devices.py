"""Where a network runs."""

from __future__ import annotations

import torch


def chosen_device(name: str) -> torch.device:
    """The device called `auto`, `cpu` or `cuda`; auto is a GPU where there is one.

    Raises:
        ValueError: a GPU is asked for where there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device = cuda, but torch finds no GPU on this machine. Set it to auto.")
    on_gpu = name != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if on_gpu else "cpu")
