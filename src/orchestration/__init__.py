"""Schedulers: one list of workflows, run here, by Airflow or by Step Functions."""
