"""`kedro promote`: moves the champion, with a reason, and keeps the history."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from kedro.framework.startup import ProjectMetadata

from mammo_pipeline.closing import complete_command

if TYPE_CHECKING:
    from mammo_pipeline.tracking.promotion import Promotion


@click.command()
@click.option("--reason", required=True, help="Why, in a sentence; kept with the version.")
@click.option("--version", "version_number", help="This version instead of the candidate.")
@click.option("--back", is_flag=True, help="Return to the champion before this one.")
@click.option("--env", "-e", default=None, help="Configuration environment, such as demo.")
@click.pass_obj
def promote(
    metadata: ProjectMetadata, reason: str, version_number: str | None, back: bool, env: str | None
) -> None:
    """Make the candidate the champion.

    Refuses a version whose gates did not pass; there is no override.
    """
    from mammo_pipeline.tracking import TrackingError, promotion, server_command
    from mammo_pipeline.tracking.server import load_config, open_store

    if back and version_number:
        raise click.UsageError("--back finds the version itself; leave --version out.")
    root = Path(metadata.project_path)
    try:
        config = load_config(root, env)
        _, client = open_store(root, config)
        model = config.registered_model
        entry = (
            promotion.return_champion(client, model, reason)
            if back
            else promotion.promote(client, model, reason, version_number)
        )
    except (promotion.PromotionError, TrackingError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(describe(model, entry))
    if command := server_command(config.tracking_uri):
        click.echo(f"  see       {command}")
    command = f"kedro run {f'--env {env} ' if env else ''}--pipelines score"
    click.echo(f"  next      {complete_command(command)}")


def describe(model: str, entry: Promotion) -> str:
    """Returns what was done, one fact a line."""
    return "\n".join(
        [
            f"champion of {model}: version {entry.from_version or 'none'} -> {entry.to_version}",
            f"  by        {entry.who}, {entry.when}",
            f"  because   {entry.reason}",
        ]
    )
