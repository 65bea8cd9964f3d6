"""A page to search an archive with: served to this machine, or written for offline use."""
