"""Chat templates are programs that strangers wrote: they run in a process of their own, under limits."""
