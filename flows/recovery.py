"""What keeps a schedule alive: runs whose process is gone are ended at the start of `pressmark serve`; a lost server, a
runner that stands still and a clock that jumped are seen while it runs. Imported once a server's address is known."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate, VariableCreate, VariableUpdate
from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Crashed

from pressmark.flows.recording import MISSED
from pressmark.flows.server import prefect_home

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.responses import DeploymentResponse

__all__ = ["DEPLOYMENT", "Watch", "drop_missed", "recover"]

DEPLOYMENT: Final = "pressmark"
OURS: Final = DeploymentFilter.model_validate({"name": {"any_": [DEPLOYMENT]}})
HEARTBEAT: Final = "pressmark_heartbeat"
LEFT: Final = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
# How often the server is asked, and how long it may take.
BEAT_S: Final = 5.0
AGAIN_S: Final = 2.0
ANSWER_S: Final = 20.0
# How long a server may be gone, and how long a busy one may refuse: with ten
# busy processes on two cores it gave no answer for a minute.
GONE_S: Final = 10.0
BUSY_S: Final = 120.0
# How long the runner may ask for no runs, as it does every few seconds; and a step of the clock that is no adjustment.
STALL_S: Final = 120.0
JUMP_S: Final = 30.0


async def recover(client: PrefectClient) -> list[str]:
    """A line for each run that nobody carries out any more (marked as crashed), each slot that none holds (freed), and
    for runs that were missed (dropped, but for the latest)."""
    lines: list[str] = []
    if await client.read_variable_by_name(HEARTBEAT) is None:
        await client.create_variable(VariableCreate(name=HEARTBEAT, value=_beat_now()))
    for deployment in await client.read_deployments(deployment_filter=OURS):
        for run in await _runs(client, deployment, *LEFT):
            what = "its process ended without a word, as `pressmark serve` or the machine did"
            await client.set_flow_run_state(run.id, Crashed(message=f"{what}; the next run does its work"), force=True)
            lines.append(f"run `{run.name}` was left behind: {what}; marked as crashed")
        # Read again: a run that was marked has given its slot back.
        held = (await client.read_deployment(deployment.id)).global_concurrency_limit
        if held is not None and held.active_slots:
            await client.update_global_concurrency_limit(held.name, GlobalConcurrencyLimitUpdate(active_slots=0))
            lines.append(f"a slot of {held.name} was held by no run; freed")
    return [*lines, *await drop_missed(client)]


async def drop_missed(client: PrefectClient) -> list[str]:
    """Cancel all but the latest of the scheduled runs that each deployment should have begun; a line for each."""
    lines, now = [], datetime.now(UTC)
    for deployment in await client.read_deployments(deployment_filter=OURS):
        waiting = await _runs(client, deployment, StateType.SCHEDULED)
        missed = [
            one for one in waiting if one.auto_scheduled and one.expected_start_time and one.expected_start_time < now
        ]
        for run in missed[:-1]:
            # Not deleted: the runner may just be about to begin it.
            await client.set_flow_run_state(run.id, Cancelled(name=MISSED, message="a later run does its work"))
        if missed[1:]:
            lines.append(f"{len(missed)} runs were missed, the latest is made up for: {deployment.description}")
    return lines


async def _runs(client: PrefectClient, deployment: DeploymentResponse, *states: StateType) -> list[FlowRun]:
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": list(states)}}}),
        deployment_filter=DeploymentFilter.model_validate({"id": {"any_": [deployment.id]}}),
        sort=FlowRunSort.EXPECTED_START_TIME_ASC,
    )


class Watch:
    """Looks at the server and the runner from a thread of its own, which goes on where the runner's loop does not.
    `lost` is called once with what is wrong, and looking ends."""

    def __init__(self, polled: Callable[[], object], lost: Callable[[str], Any]) -> None:
        self._polled = polled
        self._lost = lost
        self._ended = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def end(self) -> None:
        self._ended.set()

    def _look(self) -> None:
        last, moved_at, offset = self._polled(), time.monotonic(), time.time() - time.monotonic()
        reason, good_at = "", moved_at
        while not self._ended.wait(AGAIN_S if reason else BEAT_S):
            reason, patience_s = self._beat()
            if not reason:
                good_at = time.monotonic()
            if (polled := self._polled()) != last:
                last, moved_at = polled, time.monotonic()
            gone = reason and time.monotonic() - good_at > patience_s
            problem = f"the Prefect server is lost: {reason}" if gone else ""
            if time.monotonic() - moved_at > STALL_S:
                problem = f"no run was asked for in {STALL_S:.0f} s, so none would begin"
            step_s = time.time() - time.monotonic() - offset
            if abs(step_s) > JUMP_S:
                # A server plans by the clock, and waits for an hour where that was set back by one.
                problem = f"the clock was set by {step_s:+.0f} s, so runs would begin too late or all at once"
            if problem and not self._ended.is_set():
                self._lost(problem)
                return

    def _beat(self) -> tuple[str, float]:
        """Have the server write a line, as one whose database is full or locked answers other requests; why it could
        not, or nothing, and for how many seconds that may go on."""
        # Prefect's client would try again for minutes.
        with (
            temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
            get_client(sync_client=True, httpx_settings={"timeout": ANSWER_S}) as client,
        ):
            try:
                client.update_variable(VariableUpdate(name=HEARTBEAT, value=_beat_now()))
            except httpx.HTTPStatusError as error:
                free = shutil.disk_usage(prefect_home()).free / 1e6
                code = error.response.status_code
                return f"it answers a change with {code}; PREFECT_HOME has {free:.0f} MB free", BUSY_S
            except httpx.HTTPError as error:
                patience_s = GONE_S if isinstance(error, httpx.ConnectError) else BUSY_S
                return f"it gives no answer ({type(error).__name__})", patience_s
        return "", 0.0


def _beat_now() -> dict[str, Any]:
    return {"process": os.getpid(), "at": datetime.now(UTC).isoformat()}
