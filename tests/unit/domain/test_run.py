"""What a run may become, and how its state follows from what is seen of its worker."""

import pytest

from studio.domain.events import Failed, Finished, Step
from studio.domain.jobs.state import state_of
from studio.domain.run import Ending, ImpossibleTransition, RunStatus, check_transition, verdict

STEP = Step(step=1, epoch=0.1, loss=1.0, learning_rate=1e-4)
S = RunStatus


@pytest.mark.parametrize(
    ("now", "last", "alive", "expected"),
    [
        (S.STARTING, None, True, S.STARTING),
        (S.STARTING, STEP, True, S.RUNNING),
        (S.RUNNING, None, True, S.RUNNING),
        (S.STOPPING, STEP, True, S.STOPPING),
        (S.RUNNING, Finished(path="a"), False, S.FINISHED),
        (S.RUNNING, Finished(path="a"), True, S.FINISHED),
        (S.STOPPING, Finished(path="a", stopped=True), False, S.STOPPED),
        (S.STOPPING, Finished(path="a"), False, S.FINISHED),
        (S.RUNNING, Failed(problem="x"), True, S.FAILED),
        (S.RUNNING, STEP, False, S.INTERRUPTED),
        (S.STARTING, None, False, S.INTERRUPTED),
        (S.STOPPING, STEP, False, S.STOPPED),
    ],
)
def test_the_verdict_follows_from_the_last_word_and_the_process(now, last, alive, expected):
    assert verdict(now, state_of(last, alive=alive), alive=alive) is expected


def test_a_run_that_ended_early_can_wait_again_and_one_that_is_whole_stays_over():
    for over in (s for s in S if s.is_over):
        can = {S.STOPPED: {S.QUEUED}, S.FAILED: {S.QUEUED}, S.INTERRUPTED: {S.QUEUED, S.CANCELLED}}.get(over, set())
        for then in S:
            if then in can:
                check_transition(over, then)
                continue
            with pytest.raises(ImpossibleTransition):
                check_transition(over, then)


@pytest.mark.parametrize(
    ("last", "alive", "expected"),
    [(STEP, True, S.STOPPING), (STEP, False, S.CANCELLED), (Finished(path="a"), True, S.STOPPING),
     (Finished(path="a"), False, S.CANCELLED), (None, False, S.CANCELLED)],
)  # fmt: skip
def test_a_run_that_is_discarded_is_over_with_its_process_whatever_it_said(last, alive, expected):
    assert verdict(S.STOPPING, state_of(last, alive=alive), alive=alive, ending=Ending.DISCARD) is expected


def test_a_queued_run_starts_or_is_cancelled_but_does_not_finish():
    check_transition(S.QUEUED, S.STARTING)
    check_transition(S.QUEUED, S.CANCELLED)
    with pytest.raises(ImpossibleTransition):
        check_transition(S.QUEUED, S.FINISHED)
