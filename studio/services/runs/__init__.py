"""Training runs: submitted, queued, placed on devices, followed, ended, resumed."""
