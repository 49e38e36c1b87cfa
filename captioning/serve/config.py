"""Where a model is served: by servers that run already, or by ones that the run starts and stops."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from captioning.client.config import TrafficConfig, UrlsConfig
from curation.base.config import Config, operational


class EngineConfig(Config):
    """How vLLM holds a model."""

    gpus_per_replica: int = operational(
        1, ge=0, le=64, description="GPUs that one copy of the model is spread over; 0: on the CPU"
    )
    replicas: int = operational(1, ge=1, le=256, description="Copies of the model, each a server of its own")
    max_model_len: int | None = operational(
        16384,
        ge=256,
        le=1 << 20,
        description="Longest request with its answer, in tokens; null: the model's own length, or what of it "
        "the memory holds",
    )
    max_num_seqs: int = operational(
        128, ge=1, le=4096, description="Requests that a copy works on at once; more wait"
    )
    gpu_memory_share: float = operational(
        0.9, gt=0, le=1, description="Share of a GPU's memory that a copy may take"
    )
    start_within_s: float = operational(
        1800.0, gt=0, description="Longest time until a copy answers, in seconds (weights may be fetched)"
    )
    max_restarts: int = operational(
        3, ge=0, le=100, description="Times that a copy that dies is started again, at most"
    )


class VllmConfig(Config):
    """`vllm serve` as a child process on this machine, on its loopback address."""

    kind: Literal["vllm"] = Field("vllm", description="vLLM, started on this machine for the run")
    engine: EngineConfig = Field(EngineConfig(), description="How it holds the model")
    python: str | None = operational(
        None,
        min_length=1,
        description="Python of the environment that has vLLM; default: the one that runs Cliploom",
    )
    gpus: tuple[int, ...] | None = operational(
        None,
        description="GPUs for the copies, by index, shared out in order; default: the first that they need",
    )
    traffic: TrafficConfig = operational(TrafficConfig(), description="How hard it is asked")

    @model_validator(mode="after")
    def _enough_gpus(self) -> VllmConfig:
        wanted = self.engine.replicas * self.engine.gpus_per_replica
        if self.gpus is not None and (len(self.gpus) != wanted or len(set(self.gpus)) != wanted):
            raise ValueError(
                f"gpus names {len(set(self.gpus))} different GPUs, but {self.engine.replicas} replicas of "
                f"{self.engine.gpus_per_replica} GPUs each take {wanted}. Name as many, or leave gpus out"
            )
        if self.gpus is not None and any(index < 0 for index in self.gpus):
            raise ValueError(f"gpus = {list(self.gpus)}: a GPU's index is 0 or more")
        return self

    def gpus_of(self, replica: int) -> tuple[int, ...]:
        """The GPUs of a copy, counted from 0, by index."""
        each = self.engine.gpus_per_replica
        gpus = self.gpus if self.gpus is not None else tuple(range(self.engine.replicas * each))
        return gpus[replica * each : (replica + 1) * each]


class RayServeConfig(Config):
    """`ray.serve.llm` on the cluster that the run uses."""

    kind: Literal["ray_serve"] = Field(
        "ray_serve", description="Ray Serve, started on the cluster of the run"
    )
    engine: EngineConfig = Field(EngineConfig(), description="How it holds the model")
    listen: Literal["loopback", "cluster"] = operational(
        "loopback",
        description="loopback: only the head node's own processes reach it; cluster: whoever reaches the "
        "head node's address does, without a key",
    )
    port: int = operational(8000, ge=1024, le=65535, description="Port of Ray Serve's proxy")
    traffic: TrafficConfig = operational(TrafficConfig(), description="How hard it is asked")


LEAST_UNITS, MOST_UNITS = 16, 256


def units_in_flight(server: UrlsConfig | VllmConfig | RayServeConfig) -> int:
    """Units that a stage should have in hand at once to keep its servers busy.

    As many as all of them may be sent requests, since a unit may hold a single one; each is a thread of one
    process, so no more than 256.
    """
    num_servers = len(server.urls) if isinstance(server, UrlsConfig) else server.engine.replicas
    return max(LEAST_UNITS, min(MOST_UNITS, num_servers * server.traffic.max_in_flight))


ServerConfig = Annotated[UrlsConfig | VllmConfig | RayServeConfig, Field(discriminator="kind")]
