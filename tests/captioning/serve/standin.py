"""A stand-in for a server: answers /health and /metrics after a while, and misbehaves as told.

Run as a script: standin.py PORT PLAN, where PLAN is JSON: `delay_s` until it answers; `exit` with a status
before that; `stubborn` to ignore SIGTERM; `orphan` to leave behind a process in a session of its own;
`hang_after` to stop answering after so many looks; `lives` a file that gets a line per start, with the
process' number.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

METRICS = """# HELP vllm:num_requests_running Number of requests in model execution batches.
vllm:num_requests_running{engine="0",model_name="tiny"} 3.0
vllm:num_requests_running{engine="1",model_name="tiny"} 2.0
vllm:num_requests_waiting{engine="0",model_name="tiny"} 7.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="tiny"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="tiny"} 0.5
"""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = {"/metrics": METRICS, "/key": os.environ.get("VLLM_API_KEY", "")}.get(self.path, "")
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(port: int, plan: dict[str, object]) -> None:
    if lives := plan.get("lives"):
        with Path(str(lives)).open("a") as file:
            file.write(f"{os.getpid()}\n")
    print("loading weights", flush=True)
    if plan.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if plan.get("orphan"):
        orphan = subprocess.Popen(["sleep", "600"], start_new_session=True)
        print(f"orphan {orphan.pid}", flush=True)
    time.sleep(float(str(plan.get("delay_s", 0))))
    if "exit" in plan:
        print("ValueError: no such model", flush=True)
        sys.exit(int(str(plan["exit"])))
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
