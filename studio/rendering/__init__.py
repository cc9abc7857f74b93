"""Chat templates are programs of whoever made a model: they run in a process of their own, within limits."""
