"""Files that people bring, read row by row in memory that does not grow with them.

Whatever bytes they hold, each row comes out, or a Problem in its place, or InvalidInput where nothing can be read.
"""
