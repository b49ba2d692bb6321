"""What ties the pipelines to Airflow: assets, default arguments, timetables, notifications."""
