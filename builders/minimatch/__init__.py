"""minimatch: match-like broadcasts that the project renders itself, from a seed."""
