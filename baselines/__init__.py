"""Baselines: one folder a method."""
