"""Consumes a stream in processes that are killed: prints the digest of all keys consumed, as JSON.

Each process goes on from the last state that was saved, as a trainer does from its checkpoint. It is killed
at some moment of the step after a random one; each step is allowed on its own, so that it never gets far.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from itertools import islice
from pathlib import Path

from shards.reading import MixtureReader, MixtureSource, PrefetchLoader, SampleStream, ShardReader

BATCH = 4


def open_stream(urls: list[str]) -> SampleStream:
    if len(urls) == 1:
        return ShardReader(urls[0], seed=7, max_damaged_fraction=0.5)
    sources = {
        f"s{n}": MixtureSource(urls=url, weights=((0, 1.0 + n), (40, 2.0))) for n, url in enumerate(urls)
    }
    return MixtureReader(sources, batch_size=BATCH, seed=7, max_damaged_fraction=0.5)


def consume(urls: list[str], folder: Path, steps: int, news: int, leave: int) -> None:
    saved = folder / "state.json"
    state = json.loads(saved.read_text()) if saved.exists() else {"step": 0, "digest": "", "stream": None}
    stream = open_stream(urls)
    if state["stream"] is not None:
        stream.load_state_dict(state["stream"])
    with PrefetchLoader(stream, lambda sample: sample.key, threads=3) as loader:
        for step in range(state["step"], steps):
            os.read(leave, 1)
            rows = list(islice(loader, BATCH))
            text = state["digest"] + "".join(row.value for row in rows)
            digest = hashlib.sha256(text.encode()).hexdigest()
            state = {"step": step + 1, "digest": digest, "stream": stream.state_dict(rows[-1].position)}
            (folder / "state.tmp").write_text(json.dumps(state))
            os.replace(folder / "state.tmp", saved)
            os.write(news, b".")


def main(folder: Path, steps: int, kills: int, urls: list[str]) -> None:
    chance, killed = random.Random(kills), 0
    # Each kill costs two steps at most, so there is something left for the last.
    victims = sorted(chance.sample(range(1, steps - kills - 2), kills))
    done = 0
    while done < steps:
        (here, there), (waits, allows) = os.pipe(), os.pipe()
        child = os.fork()
        if not child:
            os.close(here)
            consume(urls, folder, steps, there, waits)
            os._exit(0)
        os.close(there)
        os.write(allows, b".")
        while os.read(here, 1):
            done += 1
            os.write(allows, b".")
            if victims and done >= victims[0]:
                victims.pop(0)
                time.sleep(chance.random() / 300)
                os.kill(child, signal.SIGKILL)
                break
        for end in (here, waits, allows):
            os.close(end)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status)
        assert os.WIFSIGNALED(status) or not status
        done = json.loads((folder / "state.json").read_text())["step"]
    digest = json.loads((folder / "state.json").read_text())["digest"]
    print(json.dumps({"digest": digest, "killed": killed, "steps": done}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
