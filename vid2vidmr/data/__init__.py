"""A built data set: info, tables, pairs, protocols, builder."""
