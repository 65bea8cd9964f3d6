"""Video files: packets, samples, cuts."""
