"""The project's own commands beside Kedro's.

`promote`, `sign-off`, `dvc-stages`, `deidentify` and `prune`.
"""

import click

from mammo_pipeline.deidentified import deidentify
from mammo_pipeline.dvc_stages import dvc_stages
from mammo_pipeline.promote import promote
from mammo_pipeline.pruned import prune
from mammo_pipeline.signed import sign_off


@click.group(name="mammo_pipeline")
def cli() -> None:
    """Commands of mammo_pipeline."""


cli.add_command(promote)
cli.add_command(sign_off)
cli.add_command(dvc_stages)
cli.add_command(deidentify)
cli.add_command(prune)
