"""Data sets for the Hub, and for other tools."""
