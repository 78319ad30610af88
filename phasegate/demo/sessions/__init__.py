"""What the service remembers: functions, sessions, results and request logs, in SQLite."""
