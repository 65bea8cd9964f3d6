"""Many hours of one's own video: index them, search them with a clip, take what is found out."""
