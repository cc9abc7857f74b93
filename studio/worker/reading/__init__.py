"""Files that people bring, read row by row in memory that does not grow with them.

Whatever bytes they hold, each row comes out, or a Problem in its place, or InvalidInput where nothing can be read.
"""

from studio.worker.reading.source import Item, OpenSource, open_source

__all__ = ["Item", "OpenSource", "open_source"]
