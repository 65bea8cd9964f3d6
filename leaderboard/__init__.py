"""Leaderboard: reported numbers, and pages made from results."""
