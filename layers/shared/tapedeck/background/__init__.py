"""What the stream, the queues and the schedule trigger: publishing, callbacks, reconciling, engine events."""
