"""What the web process and the workers share: the job's record, its store in Redis, and the queue.

Nothing here loads torch. Every operation on the store is a `Command`: a value that says what to
send to Redis and how to read the answer. `SyncRunner` (worker) and `AsyncRunner` (web) carry it
out, so an operation has one meaning and two transports.
"""
