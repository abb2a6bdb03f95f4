"""Work that happens after a change: the job queue, the event dispatcher, the schedule."""
