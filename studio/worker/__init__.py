"""The worker process: the only home of torch."""

import logging

# bitsandbytes warns at its import of kernels that are not needed, and at each int8 product of how it rounds.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
