-- Hear the hints of other processes.
listen {channel}
