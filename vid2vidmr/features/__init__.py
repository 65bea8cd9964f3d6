"""Features: from frames, clips and captions to a store."""
