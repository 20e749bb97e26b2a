"""Where MLflow keeps its runs: the address, a new database, and a check before any work starts."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from mammo_pipeline.parameters import Parameters
from mammo_pipeline.tracking.names import hide_password

if TYPE_CHECKING:
    from mlflow import MlflowClient

_REACH_SECONDS = 5
_SQLITE = "sqlite:///"


class TrackingError(RuntimeError):
    """MLflow cannot be used as configured; the message says what to do."""


class TrackingConfig(Parameters):
    """What conf/<env>/mlflow.yml says."""

    tracking_uri: str
    artifacts: str
    experiment: str
    registered_model: str
    pipelines: list[str]


def anchor_uri(uri: str, root: Path) -> str:
    """Returns `uri` with a relative sqlite path made absolute under the project `root`.

    Without it the database would follow the directory in which the command was typed.

    >>> anchor_uri("sqlite:///mlruns/mlflow.db", Path("/study"))
    'sqlite:////study/mlruns/mlflow.db'
    >>> anchor_uri("https://tracking.example", Path("/study"))
    'https://tracking.example'
    """
    if not uri.startswith(_SQLITE) or Path(uri.removeprefix(_SQLITE)).is_absolute():
        return uri
    return f"{_SQLITE}{(root / uri.removeprefix(_SQLITE)).as_posix()}"


def open_store(root: Path, config: TrackingConfig) -> tuple[str, MlflowClient]:
    """Returns the address in use and a client that has just been answered by it.

    The environment variable MLFLOW_TRACKING_URI wins over the configuration. A missing sqlite
    database is created first.

    Raises:
        TrackingError: The server or the database does not answer.
    """
    chosen = os.environ.get("MLFLOW_TRACKING_URI") or config.tracking_uri
    uri = anchor_uri(chosen, root)
    quieten_logs()
    # Any backend may fail in its own way, and all of them mean the same to the user.
    try:
        _check_reach(uri)
        create_database(uri, root / config.artifacts)
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
    except Exception as error:
        raise TrackingError(
            f"MLflow does not answer at {hide_password(uri)} ({type(error).__name__}: {error}). No "
            "work was started, because its record would be lost. Start the server, or correct "
            "MLFLOW_TRACKING_URI or conf/base/mlflow.yml, or run without tracking: put "
            "`pipelines: []` into the mlflow.yml of your environment."
        ) from error
    return uri, client


def find_experiment(client: MlflowClient, name: str, uri: str, artifacts: Path) -> str:
    """Returns the id of the experiment `name`, created when it does not exist.

    A server decides itself where artifacts go; a local database gets the folder `artifacts`.
    """
    from mlflow.exceptions import MlflowException

    if (found := client.get_experiment_by_name(name)) is not None:
        return str(found.experiment_id)
    location = (artifacts / name).as_uri() if uri.startswith(_SQLITE) else None
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        # Another process was first.
        if (found := client.get_experiment_by_name(name)) is None:
            raise
        return str(found.experiment_id)


def create_database(uri: str, artifacts: Path) -> None:
    """Creates the sqlite database behind `uri`, whole or not at all, unless it exists.

    Four processes that open a new database together crash three times in its migration. So each
    builds its own file, and the first to link it to the final name wins.
    """
    if not uri.startswith(_SQLITE) or (path := Path(uri.removeprefix(_SQLITE))).exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    quieten_logs()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        store = SqlAlchemyStore(f"{_SQLITE}{draft.as_posix()}", artifacts.as_uri())
        store.engine.dispose()
        if not path.exists():
            _publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    except OSError:
        # A file system without hard links (some network shares): the last writer wins.
        draft.replace(path)


def quieten_logs() -> None:
    """Silences MLflow's migration chatter, and its wish for an input example.

    An example fails for Keras in this version. Other warnings come through.
    """
    # Its own links open the wrong mode of the page; ours stand in the closing block.
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    for name in ("alembic", "mlflow.store", "mlflow.tracking._model_registry.client"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*An input example was not provided")


def _check_reach(uri: str) -> None:
    if not uri.startswith(("http://", "https://")):
        return
    # MLflow itself would retry for four minutes before it gives up.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    with urlopen(f"{uri.rstrip('/')}/health", timeout=_REACH_SECONDS) as answer:
        if answer.status != 200:
            raise TrackingError(f"/health answers {answer.status}, expected 200")


def read_config(config_loader: Any) -> TrackingConfig:
    """Returns the validated content of mlflow.yml.

    Raises:
        TrackingError: The file was not found. Guessing that nothing is tracked would lose a record.
    """
    from kedro.config import MissingConfigException

    try:
        found = config_loader["mlflow"]
    except (KeyError, MissingConfigException) as error:
        raise TrackingError(
            f"mlflow.yml was not found: {error}. Expected conf/base/mlflow.yml, a folder "
            'conf/local, and the pattern "mlflow": ["mlflow*"] in settings.py.'
        ) from error
    return TrackingConfig(**found)


def load_config(root: Path, env: str | None) -> TrackingConfig:
    """Returns mlflow.yml of `env` laid over base's, for commands that run no pipeline."""
    from kedro.config import OmegaConfigLoader

    loader = OmegaConfigLoader(
        str(root / "conf"),
        env=env,
        base_env="base",
        default_run_env="local",
        config_patterns={"mlflow": ["mlflow*"]},
    )
    return read_config(loader)
