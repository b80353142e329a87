-- Listen for notifications of other processes.
listen {channel}
