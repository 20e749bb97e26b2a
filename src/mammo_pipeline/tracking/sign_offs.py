"""A reviewer's judgement of an audit page, as tags of the MLflow run that wrote the page.

The file of sign-offs is the record; the tags are read off it, so that they can be set again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mammo_pipeline.tracking.server import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

SIGN_OFF = "sign_off."
# Of the newest sign-off; each older one is whole under the time of its writing.
NEWEST = ["decision", "name", "reason", "when", "page_sha256"]


def list_tags(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns the tags that a run's sign-offs make, oldest record first.

    >>> tags = list_tags([{"decision": "accepted", "when": "2026-01-02T03:04:05.5+00:00"}])
    >>> sorted(tags)
    ['sign_off.20260102T030405.5Z', 'sign_off.decision', 'sign_off.when']
    """
    tags = {f"{SIGN_OFF}{_stamp(one['when'])}": json.dumps(dict(one)) for one in records}
    newest = records[-1] if records else {}
    return tags | {f"{SIGN_OFF}{name}": str(newest[name]) for name in NEWEST if name in newest}


def _stamp(when: str) -> str:
    return re.sub(r"[-:]", "", when.removesuffix("+00:00")) + "Z"


def tag_run(client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> None:
    """Sets tags on a run that may have ended long ago.

    Raises:
        TrackingError: The run is not in this store, or the store did not take a tag.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.get_run(run_id)
        for name, value in tags.items():
            client.set_tag(run_id, name, value)
    except MlflowException as error:
        raise TrackingError(
            f"run {run_id} did not take the tags ({error.error_code}): it was removed, or the page "
            "was written against another MLflow store."
        ) from error
