local worker = ARGV[1]
redis.call('SREM', WORKERS, worker)
return redis.call('DEL', worker_name(worker))
