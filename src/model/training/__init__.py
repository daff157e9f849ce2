"""What the verbs of the pipeline share: plans, inputs, examinations, warm starts, provenance."""
