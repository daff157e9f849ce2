"""The same work done by us and by peers, side by side, on the same rows, machine and run."""
