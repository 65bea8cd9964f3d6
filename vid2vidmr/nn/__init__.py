"""The neural core that the trained methods share; importing it imports torch.

All tensors are batch-first, masks are true (1) where a row is valid. Module and parameter names are
those of the published models, so that their checkpoints load by key.
"""
