"""Moving the champion, with a history.

Two aliases are used. `candidate` is the newest version that passed every gate; `champion` is the
version in use, moved only by `kedro promote`. An alias keeps no history, so each move is written
as a tag, `promotion.<UTC time>`, of the registered model and of the version.
"""

from __future__ import annotations

import getpass
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mammo_pipeline.tracking.registry import CANDIDATE, GATES_TAG, REFUSED_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
_HISTORY = "promotion."
_LONGEST_REASON = 500


class PromotionError(RuntimeError):
    """The champion was not moved; the message says why and what to do."""


@dataclass(frozen=True)
class Promotion:
    """One move of the alias `champion`."""

    who: str
    when: str
    kind: str  # promote or back
    from_version: str | None
    to_version: str
    reason: str


def find_alias(client: MlflowClient, model: str, alias: str) -> str | None:
    """Returns the version that `alias` points at, or None.

    Raises:
        PromotionError: There is no such registered model.
    """
    from mlflow.exceptions import MlflowException

    try:
        aliases = client.get_registered_model(model).aliases
    except MlflowException as error:
        raise PromotionError(
            f"there is no registered model '{model}'. Run the study first: kedro run"
        ) from error
    return str(aliases[alias]) if alias in aliases else None


def promote(
    client: MlflowClient, model: str, reason: str, version_number: str | None = None
) -> Promotion:
    """Returns the record of having moved `champion` to the candidate, or to `version_number`.

    Raises:
        PromotionError: No candidate, no such version, its gates did not pass, it is the champion
            already, or no reason was given. There is no override.
    """
    current = find_alias(client, model, CHAMPION)
    target = version_number or find_alias(client, model, CANDIDATE)
    if target is None:
        raise PromotionError(f"'{model}' has no candidate: {_explain_newest(client, model)}")
    tags = _read_tags(client, model, target)
    if tags.get(GATES_TAG) != "passed":
        raise PromotionError(
            f"version {target} of '{model}' did not pass its gates: "
            f"{tags.get(REFUSED_TAG, 'no verdict is recorded')}. There is no override; train a "
            "better model, or change the gate in conf/base/parameters/release.yml and say why."
        )
    if target == current:
        raise PromotionError(f"version {target} of '{model}' is the champion already.")
    return _move_champion(client, model, "promote", current, target, reason)


def return_champion(client: MlflowClient, model: str, reason: str) -> Promotion:
    """Returns the record of having moved `champion` back to the version before it.

    Raises:
        PromotionError: There is no champion, or none came before it.
    """
    current = find_alias(client, model, CHAMPION)
    if current is None:
        raise PromotionError(f"'{model}' has no champion to go back from.")
    came = [
        entry
        for entry in read_history(client, model)
        if entry.kind == "promote" and entry.to_version == current
    ]
    before = came[-1].from_version if came else None
    if before is None:
        raise PromotionError(f"no champion came before version {current} of '{model}'.")
    _read_tags(client, model, before)
    return _move_champion(client, model, "back", current, before, reason)


def read_history(client: MlflowClient, model: str) -> list[Promotion]:
    """Returns every recorded move of `champion`, oldest first."""
    tags = client.get_registered_model(model).tags
    entries = sorted((name, text) for name, text in tags.items() if name.startswith(_HISTORY))
    return [Promotion(**json.loads(text)) for _, text in entries]


def _move_champion(
    client: MlflowClient, model: str, kind: str, current: str | None, target: str, reason: str
) -> Promotion:
    if not reason.strip() or len(reason) > _LONGEST_REASON:
        raise PromotionError(
            f"the reason has {len(reason.strip())} characters; expected 1 to {_LONGEST_REASON}."
        )
    now = datetime.now(UTC)
    entry = Promotion(
        getpass.getuser(), now.isoformat(timespec="seconds"), kind, current, target, reason.strip()
    )
    text = json.dumps(asdict(entry))
    # The record comes first: a move without a record would be worse than a record of a move
    # that a broken connection then prevented, which the alias itself disproves.
    name = f"{_HISTORY}{now:%Y%m%dT%H%M%S.%fZ}"
    client.set_registered_model_tag(model, name, text)
    client.set_model_version_tag(model, target, name, text)
    client.set_registered_model_alias(model, CHAMPION, target)
    return entry


def _read_tags(client: MlflowClient, model: str, version_number: str) -> dict[str, str]:
    from mlflow.exceptions import MlflowException

    try:
        return dict(client.get_model_version(model, version_number).tags)
    except MlflowException as error:
        raise PromotionError(f"'{model}' has no version {version_number}.") from error


def _explain_newest(client: MlflowClient, model: str) -> str:
    versions = client.search_model_versions(f"name='{model}'")
    if not versions:
        return "it has no version yet. Run the study first: kedro run"
    newest = max(versions, key=lambda found: int(found.version))
    because = newest.tags.get(REFUSED_TAG, "no verdict is recorded")
    return f"its newest version, {newest.version}, was refused because {because}."
