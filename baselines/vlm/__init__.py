"""Vision-language models without training: prepare, generate, parse, score."""
