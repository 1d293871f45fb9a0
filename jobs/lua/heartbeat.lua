local worker, info, seconds = ARGV[1], ARGV[2], tonumber(ARGV[3])
redis.call('SET', worker_name(worker), info, 'EX', seconds)
redis.call('SADD', WORKERS, worker)
keep(WORKERS, DAY)
return 1
