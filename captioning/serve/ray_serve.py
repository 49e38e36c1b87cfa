"""Models served by Ray Serve on the cluster of a run. The only file here that imports ray."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from captioning.client.config import UrlsConfig
from captioning.client.requests import Model
from captioning.serve.command import CLOSED_ENVIRONMENT, LOOPBACK, engine_arguments
from captioning.serve.config import RayServeConfig
from captioning.serve.installation import VllmMissing
from captioning.serve.looking import answers
from captioning.serve.models import local_folder
from captioning.serve.server import Say, ServerFailed

_HEALTH_S = 30.0
_PROCESS = secrets.token_hex(4)


@contextmanager
def ray_served(config: RayServeConfig, model: Model, name: str, say: Say, owner: str) -> Iterator[UrlsConfig]:
    """An application of `ray.serve.llm` that answers, until the block ends.

    It runs on the cluster that this process is in, else on the one of RAY_ADDRESS, else on one that is
    started here for it. Ray Serve itself is left running on a cluster that was there. It restarts copies that
    die by its own rules (`engine.max_restarts` is not used), and its proxy asks for no key.

    Its name on the cluster is its own, so that nobody's application is replaced. Those that another process
    of the same `owner` left there, because it was killed, are deleted first: whoever holds the run's lease is
    the only one at work on it.

    Raises:
        VllmMissing: ray or vLLM is not in this environment.
        ServerFailed: the application did not come up.
    """
    try:
        import ray
        from ray import serve
        from ray.serve.llm import LLMConfig, build_openai_app
    except ImportError as error:
        raise VllmMissing(
            "kind: ray_serve needs Ray and vLLM in the environment that runs Cliploom, on every node "
            f"({error}). Install both: pip install 'cliploom[ray,vllm]'"
        ) from None
    application = application_name(owner, name)
    with ExitStack() as stack:
        if not ray.is_initialized():
            found = os.environ.get("RAY_ADDRESS") or "local"
            ray.init(found, log_to_driver=False, include_dashboard=False if found == "local" else None)
            stack.callback(ray.shutdown)
        host = LOOPBACK if config.listen == "loopback" else _head_address(ray)
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": host, "port": config.port, "request_timeout_s": config.traffic.timeout_s},
        )
        for left in leftovers(serve.status().applications, owner):
            say(f"{name}: Ray Serve still has {left} of this run, whose process was killed: it is deleted")
            serve.delete(left)
        say(f"{name}: Ray Serve starts {model.name} as {application}")
        app = build_openai_app({"llm_configs": [LLMConfig(**llm_arguments(config, model))]})
        stack.callback(serve.delete, application)
        serve.run_many(
            [serve.RunTarget(app, name=application, route_prefix=f"/{application}")],
            wait_for_applications_running=False,
        )
        _wait_until_running(serve, application, config.engine.start_within_s)
        url = f"http://{host}:{config.port}/{application}/v1"
        if not answers(f"{url}/models", _HEALTH_S):
            raise ServerFailed(
                f"{name}: Ray Serve runs {model.name}, but {url} does not answer. If another Serve listens "
                "there, set 'port' beside kind: ray_serve; if it listens on another address, shut it down: "
                "serve shutdown"
            )
        say(f"{name}: Ray Serve answers at {url}")
        yield UrlsConfig(urls=(url,), traffic=config.traffic)


def application_name(owner: str, name: str) -> str:
    """The name of an application: it tells whose it is, of which process of theirs, and what for."""
    return f"{_prefix(owner)}{_PROCESS}-{re.sub(r'[^A-Za-z0-9]+', '-', name)}"


def leftovers(applications: Iterable[str], owner: str) -> list[str]:
    """Those of some applications that another process of an owner started."""
    prefix = _prefix(owner)
    return [
        name for name in applications if name.startswith(prefix) and not name.startswith(prefix + _PROCESS)
    ]


def _prefix(owner: str) -> str:
    return f"cliploom-{hashlib.sha256(owner.encode()).hexdigest()[:12]}-"


def llm_arguments(config: RayServeConfig, model: Model) -> dict[str, Any]:
    """Arguments of ray.serve.llm's LLMConfig for a model."""
    engine = config.engine
    folder = local_folder(model)
    arguments: dict[str, Any] = dict(engine_arguments(model, engine))
    if folder is None:
        arguments |= {"revision": model.revision, "tokenizer_revision": model.revision}
    found: dict[str, Any] = {
        "model_loading_config": {
            "model_id": model.name,
            "model_source": model.name if folder is None else str(folder),
        },
        "engine_kwargs": arguments,
        "deployment_config": {
            "num_replicas": engine.replicas,
            "max_ongoing_requests": arguments["max_num_queued_reqs"],
        },
        "runtime_env": {"env_vars": dict(CLOSED_ENVIRONMENT)},
        "log_engine_metrics": False,
    }
    if engine.gpus_per_replica == 0:
        found["placement_group_config"] = {"bundles": [{"CPU": 1}]}
    return found


def _wait_until_running(serve: Any, application: str, within_s: float) -> None:
    until = time.monotonic() + within_s
    while True:
        status = serve.status().applications.get(application)
        state = "unknown" if status is None else str(getattr(status.status, "value", status.status))
        if state == "RUNNING":
            return
        if state in ("DEPLOY_FAILED", "UNHEALTHY"):
            raise ServerFailed(f"{application}: Ray Serve says {state}: {status.message or _reasons(status)}")
        if time.monotonic() > until:
            raise ServerFailed(
                f"{application}: {state} after {within_s:.0f} s (engine.start_within_s). {_reasons(status)}"
            )
        time.sleep(1.0)


def _reasons(status: Any) -> str:
    deployments = {} if status is None else status.deployments
    return "; ".join(f"{name}: {state.message}" for name, state in deployments.items() if state.message)


def _head_address(ray: Any) -> str:
    address: str = ray.get_runtime_context().gcs_address
    return address.rpartition(":")[0]
