"""What a method is; the neural and the DETR families; checkpoints; retrieve."""
