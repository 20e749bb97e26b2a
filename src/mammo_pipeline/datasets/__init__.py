"""The project's own Kedro datasets."""

from mammo_pipeline.datasets.appended import AppendedRecords
from mammo_pipeline.datasets.arrays import ArraysFolder, Checkpoints
from mammo_pipeline.datasets.atomic import AtomicFile
from mammo_pipeline.datasets.files import Folder
from mammo_pipeline.datasets.ledger import LedgerFile
from mammo_pipeline.datasets.optional import OptionalFile
from mammo_pipeline.datasets.places import Place, SecretKey
from mammo_pipeline.datasets.report import Report
from mammo_pipeline.datasets.store import ImageStore
from mammo_pipeline.datasets.tables import LabelTables
from mammo_pipeline.datasets.weight_files import WeightFiles

__all__ = [
    "AppendedRecords",
    "ArraysFolder",
    "AtomicFile",
    "Checkpoints",
    "Folder",
    "ImageStore",
    "LabelTables",
    "LedgerFile",
    "OptionalFile",
    "Place",
    "Report",
    "SecretKey",
    "WeightFiles",
]
