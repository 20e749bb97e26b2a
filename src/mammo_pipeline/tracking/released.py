"""The model in use: found by its alias, loaded, and asked what images it was made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mammo_pipeline.tracking.promotion import CHAMPION, PromotionError, find_alias
from mammo_pipeline.tracking.registry import CANDIDATE, connect, require_run


@dataclass(frozen=True)
class Released:
    """A registered model, ready to score.

    Attributes:
        name: Of the registered model.
        version: Its version.
        alias: `champion`, or `candidate` where none was promoted yet.
        model: MLflow's pyfunc model.
        config: What was stored with it: `standard` (spacing and shape), `aggregation`, calibration.
    """

    name: str
    version: str
    alias: str
    model: Any
    config: dict[str, Any]


def load_released() -> Released:
    """Returns the champion, or the candidate while there is no champion.

    Raises:
        PromotionError: No version carries either alias.
    """
    import mlflow

    run = require_run()
    client = connect(run.tracking_uri)
    name = run.registered_model
    for alias in (CHAMPION, CANDIDATE):
        version = find_alias(client, name, alias)
        if version is not None:
            model = mlflow.pyfunc.load_model(f"models:/{name}/{version}")
            return Released(name, version, alias, model, dict(model.model_config))
    raise PromotionError(
        f"No version of '{name}' is champion or candidate, so there is no released model to score "
        "with. Run the study (kedro run), and see in its last block which gate refused."
    )
