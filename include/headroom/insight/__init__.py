"""KPIs, savings, detections and recommendations."""
