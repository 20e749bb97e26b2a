"""`kedro sign-off`: a reviewer's judgement of the audit page, kept in a file that only grows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.startup import ProjectMetadata

from mammo_pipeline.mammo.digest import digest_record

if TYPE_CHECKING:
    from mammo_pipeline.datasets.appended import Appended

DECISIONS = ["accepted", "accepted-with-conditions", "rejected"]
LONGEST_NAME, LONGEST_REASON = 100, 500
PAGE, FILE = "audit_page", "sign_offs"
# A second command with the same words on the same page is the same sign-off.
SAME = ["decision", "name", "reason", "page_sha256", "ensemble_sha256", "run_id"]


class SignOffError(RuntimeError):
    """Nothing was signed; the message says why and what to do."""


def read_signed_page(page: Path) -> dict[str, Any]:
    """Returns what a sign-off of the audit page refers to.

    Args:
        page: The page; its twin lies beside it.

    Returns:
        page_sha256, ensemble_sha256, run_id, gates_passed, gates and gates_failed (names).

    Raises:
        SignOffError: Page or twin is absent, one of them was changed since they were written, or
            the twin says nothing of ensemble and gates.
    """
    twin = page.with_suffix(".json")
    if not page.is_file() or not twin.is_file():
        raise SignOffError(
            f"there is no page {page} to sign. Run `kedro run --pipelines evaluate`."
        )
    content = page.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    record = json.loads(twin.read_text())
    facts = record.get("record") or {}
    if not {"ensemble_sha256", "gates"} <= set(facts) or "page_sha256" not in record:
        raise SignOffError(f"{twin} names no ensemble or no gates. Run `evaluate` again.")
    if found != record["page_sha256"]:
        raise SignOffError(
            f"{page} is not the page that was written: its SHA-256 begins with {found[:12]}, that "
            f"in {twin.name} with {record['page_sha256'][:12]}. Run `evaluate` again, and read it."
        )
    for stated in (digest_record(facts), str(record["footer"]["run"])):
        if stated.encode() not in content:
            raise SignOffError(
                f"{twin} was changed since the page was written. Run `evaluate` again."
            )
    failed = [gate["name"] for gate in facts["gates"] if not gate["passed"]]
    return {
        "page_sha256": found,
        "ensemble_sha256": facts["ensemble_sha256"],
        "run_id": record["footer"]["run"],
        "gates": len(facts["gates"]),
        "gates_passed": bool(facts["gates"]) and not failed,
        "gates_failed": failed,
    }


def check_words(name: str, reason: str) -> tuple[str, str]:
    """Returns name and reason without the space around them.

    >>> check_words(" A. Reader ", "read it all")
    ('A. Reader', 'read it all')

    Raises:
        SignOffError: One is empty, too long, or has a line end or another control character.
    """
    texts = {"name": (name.strip(), LONGEST_NAME), "reason": (reason.strip(), LONGEST_REASON)}
    for what, (text, longest) in texts.items():
        if not 0 < len(text) <= longest or not text.isprintable():
            raise SignOffError(
                f"the {what} has {len(text)} characters; expected 1 to {longest} on one line."
            )
    return texts["name"][0], texts["reason"][0]


def write_sign_off(
    file: Appended, decision: str, name: str, reason: str, page: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Returns the record in the file, and whether it was written now: the same one is not twice."""
    name, reason = check_words(name, reason)
    words = {"decision": decision, "name": name, "reason": reason}
    record = {"when": datetime.now(UTC).isoformat(), **words, **page}
    for known in file.records():
        if all(known.get(field) == record[field] for field in SAME):
            return known, False
    is_new = file.append(record)
    return (record if is_new else file.records()[-1]), is_new


def describe(record: Mapping[str, Any], is_new: bool, path: Path) -> str:
    """Returns what was done, one fact a line."""
    gates = f"all {record['gates']} passed"
    if not record["gates_passed"]:
        gates = f"NOT ALL PASSED: {', '.join(record['gates_failed']) or 'none was judged'}"
    return "\n".join(
        [
            f"{record['decision']} by {record['name']}, {record['when']}",
            f"  because   {record['reason']}",
            f"  page      SHA-256 {record['page_sha256'][:12]}",
            f"  ensemble  {record['ensemble_sha256'][:12]}",
            f"  gates     {gates}",
            f"  file      {path}{'' if is_new else ', where it stood already'}",
        ]
    )


@click.command(name="sign-off")
@click.option("--decision", required=True, type=click.Choice(DECISIONS), help="Your judgement.")
@click.option("--name", required=True, help="Who judges; kept in the file and with the run.")
@click.option("--reason", required=True, help="Why, in a sentence.")
@click.option("--env", "-e", default=None, help="Configuration environment, such as demo.")
@click.pass_obj
def sign_off(
    metadata: ProjectMetadata, decision: str, name: str, reason: str, env: str | None
) -> None:
    """Sign the audit page.

    Writes to the file of sign-offs first, then to the tags of the MLflow run that wrote the page;
    given again, it sets the tags again. Moves no model: that is `kedro promote`.
    """
    root = Path(metadata.project_path)
    try:
        path, file = find_files(root, env)
        page = read_signed_page(path)
        record, is_new = write_sign_off(file, decision, name, reason, page)
    except SignOffError as error:
        raise click.ClickException(str(error)) from error
    click.echo(describe(record, is_new, file.path))
    if decision != "rejected" and not record["gates_passed"]:
        click.echo("  WARNING   this accepts what a gate refuses: `release` will refuse it still.")
    click.echo(f"  run       {tag_signed_run(root, env, file, record['run_id'])}")


def find_files(root: Path, env: str | None) -> tuple[Path, Appended]:
    """Returns the audit page's path and the file of sign-offs, as the catalog names them.

    Raises:
        SignOffError: The catalog of this environment has no such entry.
    """
    from kedro.config import OmegaConfigLoader

    from mammo_pipeline.datasets.appended import AppendedRecords

    loader = OmegaConfigLoader(
        str(root / "conf"), env=env, base_env="base", default_run_env="local"
    )
    entries = loader["catalog"]
    if absent := {PAGE, FILE} - set(entries):
        raise SignOffError(f"the catalog has no entry {', '.join(sorted(absent))}.")
    settings = {key: value for key, value in entries[FILE].items() if key != "type"}
    file = AppendedRecords(**settings | {"filepath": str(root / settings["filepath"])}).load()
    return root / entries[PAGE]["filepath"], file


def tag_signed_run(root: Path, env: str | None, file: Appended, run_id: str) -> str:
    """Returns what became of the tags of the run that wrote the page.

    Raises:
        ClickException: MLflow did not take them; the file has the sign-off.
    """
    from mammo_pipeline.datasets.report import UNTRACKED
    from mammo_pipeline.tracking import TrackingError
    from mammo_pipeline.tracking.server import load_config, open_store
    from mammo_pipeline.tracking.sign_offs import list_tags, tag_run

    if run_id == UNTRACKED:
        return "none: the page was written without one, so the file alone has the sign-off"
    own = [record for record in file.records() if record.get("run_id") == run_id]
    try:
        _, client = open_store(root, load_config(root, env))
        tag_run(client, run_id, list_tags(own))
    except TrackingError as error:
        raise click.ClickException(
            f"{error} The sign-off stands in {file.path}; its tags are not set. Give the same "
            "command again once MLflow answers."
        ) from error
    return f"{run_id}, tagged sign_off.*"
