"""Where files live and what is in them: storage, manifests, tables, readers, writers, rows."""
