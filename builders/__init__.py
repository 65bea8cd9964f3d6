"""Builders: one folder a data set, from annotations and videos to pairs."""
