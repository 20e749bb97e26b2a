"""Nested runs, and writes that wait for a server to come back."""

from __future__ import annotations

import logging

import pytest
from mlflow import MlflowClient

from mammo_pipeline.tracking import child_run
from mammo_pipeline.tracking.runs import RunWriter


def test_a_child_run_is_nested_and_keeps_steps(tracked):
    parent, client = tracked
    with child_run("trial 7", {"rate": 1e-3, "net": {"widths": [8, 8]}}, {"state": "new"}) as run:
        run.log({"tune_auc": 0.5}, step=1)
        run.log({"tune_auc": 0.7}, step=2)
        run.tag("state", "complete")
    found = client.get_run(run.run_id)
    assert found.data.tags["mlflow.parentRunId"] == parent.run_id
    assert found.data.tags["state"] == "complete"
    assert found.data.params == {"rate": "0.001", "net.widths": "[8, 8]"}
    history = client.get_metric_history(run.run_id, "tune_auc")
    assert [(m.step, m.value) for m in history] == [(1, 0.5), (2, 0.7)]
    assert (found.info.status, found.info.run_name) == ("FINISHED", "trial 7")


@pytest.mark.parametrize(("name", "status"), [("TrialPruned", "KILLED"), ("Boom", "FAILED")])
def test_a_child_run_that_raises_says_how_it_ended(tracked, name, status):
    error = type(name, (Exception,), {})
    with pytest.raises(error), child_run("trial") as run:
        raise error("file of JANE^DOE")
    found = tracked[1].get_run(run.run_id)
    assert found.info.status == status
    assert found.data.tags["error.type"] == name


def test_a_child_run_without_tracking_does_nothing(project):
    with child_run("trial", {"rate": 1}) as run:
        run.log({"auc": 1.0})
        run.tag("a", "b")
    assert run.run_id == ""


class Refusing:
    """A client whose first batches fail, as when the server is restarted."""

    def __init__(self, client: MlflowClient, failures: int) -> None:
        self._client, self.failures = client, failures

    def __getattr__(self, name):
        return getattr(self._client, name)

    def log_batch(self, *args, **kwargs):
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("no answer")
        return self._client.log_batch(*args, **kwargs)


def test_a_point_that_could_not_be_sent_is_sent_with_the_next(tracked):
    run, client = tracked
    writer = RunWriter(Refusing(client, failures=1), run.run_id)
    writer.log({"loss": 3.0}, step=1)
    assert client.get_metric_history(run.run_id, "loss") == []
    writer.log({"loss": 2.0}, step=2)
    assert [m.step for m in client.get_metric_history(run.run_id, "loss")] == [1, 2]


def test_points_that_never_arrive_are_counted_in_an_error(tracked, caplog):
    run, client = tracked
    writer = RunWriter(Refusing(client, failures=99), run.run_id)
    writer.log({"loss": 3.0})
    with caplog.at_level(logging.ERROR):
        writer.close("FINISHED")
    assert "2 writes" in caplog.text
