"""Methods x seeds: run, bench, tune, ablate."""
