"""The sample dataset that comes with the studio: Captain Brine, an old sea captain with a style of his own."""

from importlib import resources
from pathlib import Path


def sample_path() -> Path:
    """The sample's JSON Lines file, one chat `messages` conversation a line, made for the studio (Apache-2.0)."""
    return Path(str(resources.files(__name__) / "captain-brine.jsonl"))
