"""How much a server is asked, when it is left alone, and when something is sent again."""

from __future__ import annotations

import pytest

from captioning.client.breaker import FAULTS_TO_OPEN, Breaker
from captioning.client.limit import FIRST, Limit
from captioning.client.replies import queue_lengths
from captioning.client.retries import BASE_S, CAP_S, RetryBudget, backoff_s


def test_a_limit_doubles_until_the_server_is_full_and_then_grows_by_steps() -> None:
    limit = Limit(1000)
    assert limit.size == FIRST
    limit.queue_seen(running=16, waiting=0)
    limit.queue_seen(running=32, waiting=7)
    assert (limit.size, limit.doubling) == (64, True)
    limit.queue_seen(running=48, waiting=16)
    assert (limit.size, limit.doubling) == (64, False)
    limit.queue_seen(running=64, waiting=1)
    assert limit.size == 68


def test_a_limit_does_not_double_before_what_was_sent_has_arrived() -> None:
    limit = Limit(1000)
    limit.queue_seen(running=7, waiting=0)
    assert (limit.size, limit.doubling) == (FIRST + 1, True)
    limit.queue_seen(running=9, waiting=0)
    assert limit.size == 2 * (FIRST + 1)


def test_a_limit_shrinks_while_more_wait_than_run() -> None:
    limit = Limit(64)
    for _ in range(2):
        limit.queue_seen(running=16, waiting=0)
    for _ in range(20):
        limit.queue_seen(running=4, waiting=limit.size - 4)
    assert 1 < limit.size < 20


def test_a_limit_is_halved_once_for_all_that_was_sent_before() -> None:
    limit = Limit(64)
    limit.queue_seen(16, 0)
    for _ in range(32):
        limit.halve(sent_at=1.0, now=2.0)
    assert limit.size == 16
    limit.halve(sent_at=2.5, now=3.0)
    assert limit.size == 8
    for now in range(4, 20):
        limit.halve(float(now), float(now))
    assert limit.size == 1


def test_a_limit_never_passes_the_most() -> None:
    limit = Limit(20)
    for _ in range(100):
        limit.answered()
        limit.queue_seen(1, 0)
    assert limit.size == 20
    assert Limit(3).size == 3


def test_a_breaker_opens_after_faults_in_a_row_and_lets_one_request_try() -> None:
    breaker = Breaker()
    for _ in range(FAULTS_TO_OPEN - 1):
        breaker.failed(0.0, 1.0, gone=False)
    breaker.answered()
    for _ in range(FAULTS_TO_OPEN - 1):
        breaker.failed(0.0, 1.0, gone=False)
    assert breaker.lets
    breaker.failed(0.0, 1.0, gone=False)
    assert not breaker.lets
    assert not breaker.probe_due(1.0)
    assert breaker.probe_due(2.0)
    assert not breaker.probe_due(2.0)
    breaker.probed(False, 2.0)
    assert not breaker.probe_due(2.1)
    assert breaker.probe_due(3.0)
    breaker.probed(True, 3.0)
    assert breaker.lets
    assert breaker.passed()
    assert not breaker.lets
    # One that was sent before the probe tells of the time before.
    breaker.failed(0.5, 3.1, gone=True)
    assert not breaker.lets
    breaker.over()
    assert breaker.lets
    breaker.failed(3.05, 3.1, gone=False)
    assert not breaker.lets
    breaker.answered()
    assert breaker.lets
    assert not breaker.passed()


def test_a_breaker_opens_at_once_when_nobody_listens_and_looks_soon_when_somebody_asks() -> None:
    breaker = Breaker()
    breaker.failed(0.0, 1.0, gone=True)
    now = 1.0
    for _ in range(8):
        now += 10
        assert breaker.probe_due(now)
        breaker.probed(False, now)
    assert not breaker.probe_due(now + 1)
    breaker.hurry(now + 1)
    assert breaker.probe_due(now + 1.3)


def test_waits_are_at_random_within_a_bound_that_doubles() -> None:
    for faults in (1, 2, 5, 100):
        most = min(CAP_S, BASE_S * 2**faults)
        waits = [backoff_s(faults) for _ in range(300)]
        assert 0 <= min(waits) < 0.1 * most
        assert 0.9 * most < max(waits) <= most


def test_the_budget_gives_a_window_then_a_share() -> None:
    budget = RetryBudget(share=0.1, window=8, now=0.0)
    assert [budget.spend(0.0) for _ in range(8)] == [0.0] * 8
    assert budget.spend(0.0) == pytest.approx(1.0)
    for _ in range(10):
        budget.earn()
    assert budget.spend(0.0) == 0.0
    assert budget.spend(0.0) > 0
    assert budget.spend(1.01) == 0.0
    assert RetryBudget(share=0.0, window=8, now=0.0).none_ever


def test_the_queue_is_read_from_a_page_of_vllm() -> None:
    page = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a}b"} 12.0
vllm:num_requests_running{engine="1",model_name="a"} 3.0
vllm:num_requests_waiting{engine="0",model_name="a"} 1e1
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 99.0
"""
    assert queue_lengths(page) == (15.0, 10.0)
    assert queue_lengths(b"vllm:num_requests_running 1\n") is None
    assert queue_lengths(b"vllm:num_requests_running 1\nvllm:num_requests_waiting NaN\n") is None
    assert queue_lengths(b"") is None
