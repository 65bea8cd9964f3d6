"""``python -m vid2vidmr`` is ``vid2vidmr``; launchers of several processes need it."""

from vid2vidmr.cli import main

if __name__ == "__main__":
    main()
