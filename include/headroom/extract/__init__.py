"""Sources: one module per source, each turning what a cloud delivers into raw tables."""
