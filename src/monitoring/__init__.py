"""Monitoring: drift told apart from harm, and what to do about either."""
