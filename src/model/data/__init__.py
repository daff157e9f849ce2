"""From a source to clean, split, checked files of reviews."""
