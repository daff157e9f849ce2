"""From processed files to a registered, judged, promoted model and its predictions."""
