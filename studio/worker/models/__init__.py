"""Base models: files, download, loading, and what their architecture can do."""
