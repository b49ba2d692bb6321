"""One function per task: reads partitions, calls the core, writes partitions."""
