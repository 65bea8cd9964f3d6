"""What methods that predict a set of windows share."""
