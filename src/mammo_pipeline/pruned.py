"""`kedro prune`: frees what no table of a store uses any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from kedro.framework.startup import ProjectMetadata

from mammo_pipeline.closing import closing_block


@dataclass(frozen=True)
class Pruned:
    """What became of one store.

    Attributes:
        freed: Bytes that are freed.
        left: Bytes of the packs that are left.
        packs: How many packs these are.
        images: Images of the store's table.
    """

    freed: int
    left: int
    packs: int
    images: int


def find_stores(entries: Mapping[str, Any], root: Path) -> dict[str, dict[str, Any]]:
    """Returns the settings of each image store that a run has written, by its name in the catalog.

    Args:
        entries: The catalog as it is written: name to type and settings.
        root: What a relative `filepath` begins at.
    """
    found = {}
    for name, entry in sorted(entries.items()):
        folder = root / str(entry.get("filepath", ""))
        if str(entry["type"]).endswith(".ImageStore") and (folder / "index.parquet").is_file():
            settings = {key: value for key, value in entry.items() if key != "type"}
            found[name] = {**settings, "filepath": str(folder)}
    return found


def prune_store(settings: Mapping[str, Any]) -> Pruned:
    """Returns what was freed and what is left of a store.

    Args:
        settings: Of the store, as `find_stores` returns them.

    Raises:
        RuntimeError: A run is writing there.
        DatasetError: The store is of an older version, or shorter than its table says.
        ValueError: A record is damaged; nothing was removed.
    """
    from mammo_pipeline.datasets.store import ImageStore

    store = ImageStore(**settings)
    images = len(store.load().index)
    freed = store.prune()
    packs = Path(settings["filepath"]).glob("packs/*.pack")
    left = [path.stat().st_size for path in packs]
    return Pruned(freed, sum(left), len(left), images)


def describe(found: Mapping[str, Pruned]) -> str:
    """Returns the closing block.

    >>> print(describe({"store": Pruned(2_500_000, 81_000_000, 1, 1208)}))
    <BLANKLINE>
    == prune ==
      store  2.5 MB freed, 81.0 MB left in 1 pack for 1,208 images
    """
    rows = {
        name: f"{one.freed / 1e6:.1f} MB freed, {one.left / 1e6:.1f} MB left in {one.packs} "
        f"{'pack' if one.packs == 1 else 'packs'} for {one.images:,} images"
        for name, one in found.items()
    }
    return closing_block("prune", rows or {"stores": "none is written yet"})


@click.command()
@click.option("--env", "-e", default=None, help="Configuration environment, such as demo.")
@click.pass_obj
def prune(metadata: ProjectMetadata, env: str | None) -> None:
    """Remove images of other parameters from every image store.

    A store keeps what earlier parameters made, so that turning back costs nothing. Refuses while a
    run is writing.
    """
    from kedro.framework.session import KedroSession
    from kedro.io import DatasetError

    session = KedroSession.create(metadata.project_path, env=env, save_on_close=False)
    entries = session.load_context().config_loader["catalog"]
    found: dict[str, Pruned] = {}
    for name, settings in find_stores(entries, metadata.project_path).items():
        try:
            found[name] = prune_store(settings)
        except (DatasetError, OSError, RuntimeError, ValueError) as error:
            if found:
                click.echo(describe(found))
            raise click.ClickException(f"{name}: {error}") from error
    click.echo(describe(found))
