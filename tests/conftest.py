"""Settings of all tests."""

import os

# Small tensors gain nothing from more threads, and lose much when the cores are shared: this must
# come before the first import of torch.
os.environ.setdefault("OMP_NUM_THREADS", "1")
