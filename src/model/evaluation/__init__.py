"""Pure functions that judge predictions; nothing here logs or reads files."""
