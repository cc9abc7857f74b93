"""The catalogue: every query is a verb. Records come back detached: read them, change them here."""

from studio.store.catalogue.adapters import AdapterRecords
from studio.store.catalogue.datasets import DatasetRecords
from studio.store.catalogue.evaluations import EvaluationRecords
from studio.store.catalogue.models import ModelRecords
from studio.store.catalogue.playground import PlaygroundRecords
from studio.store.catalogue.restored_records import RestoredRecords
from studio.store.catalogue.runs import RunRecords


class Catalogue(
    ModelRecords, DatasetRecords, RunRecords, AdapterRecords, PlaygroundRecords, EvaluationRecords, RestoredRecords
):
    """The studio's memory in a database."""
