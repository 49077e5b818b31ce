"""When an attempt that failed is worth another one, and when that starts. Pure.

The wait doubles with each attempt that failed, from `retry_delay` up to `retry_max_delay`, and is then
lengthened by up to a quarter, so that what failed together does not come back together. A hash of what
failed and of the attempt decides by how much: the same on every machine, so a simulation shows what will happen.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from jarvis.scheduler.model import Policy, Result, Run, RunState

SPREAD = 0.25  # of the wait, at most
_MOST_DOUBLINGS = 80  # of a microsecond is longer than any timedelta


def next_attempt(policy: Policy, run: Run, result: Result, failed_at: datetime) -> datetime | None:
    """When the run's next attempt may start; None if the failure stands.

    It stands once `retries` attempts more than the first have failed, where `retry_on` does not name it, and
    where the next attempt would start later than the run is of use (`late_ok`).
    """
    if run.failures >= policy.retries or not worth_another(policy, result):
        return None
    at = failed_at + delay(policy, run)
    return None if policy.late_ok is not None and at - run.due_at > policy.late_ok else at


def worth_another(policy: Policy, result: Result) -> bool:
    """Whether another attempt at what ended so may go better, as far as the task says."""
    if result.state not in (RunState.FAILED, RunState.TIMED_OUT):
        return False
    return not policy.retry_on or _failure(result) in policy.retry_on


def delay(policy: Policy, run: Run) -> timedelta:
    """How long to wait after the run's attempt failed, `run.failures` others having failed before."""
    seed = f"{run.task_id}\0{run.due_at.isoformat()}\0{run.attempt}"
    return wait(run.failures, policy.retry_delay, policy.retry_max_delay, seed)


def wait(failures: int, shortest: timedelta, longest: timedelta, seed: str) -> timedelta:
    """How long to wait after a failure that `failures` others came before; the same for the same seed."""
    times: int = 1 << min(failures, _MOST_DOUBLINGS)
    meant = longest if shortest and longest // shortest < times else shortest * times
    return meant + meant * SPREAD * _share(seed)


def _share(seed: str) -> float:
    """From 0 to less than 1."""
    # Imported here: only runs that failed need it, and it brings OpenSSL.
    from hashlib import blake2b  # noqa: PLC0415

    digest = blake2b(seed.encode(), digest_size=6).digest()
    return float(int.from_bytes(digest) / 2**48)


def _failure(result: Result) -> object:
    """What `retry_on` calls this failure: the exit code, `timed_out`, or None where there is neither."""
    if result.state is RunState.TIMED_OUT:
        return "timed_out"
    return result.data.get("exit_code") if isinstance(result.data, dict) else None
