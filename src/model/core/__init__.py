"""All that a process which serves may import.

Settings, errors, the text path, the models that serve, a model folder.
"""
