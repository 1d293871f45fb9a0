local id, key = ARGV[1], ARGV[2]
redis.call('HSET', 'dmae:key:' .. id, 'key', key)
redis.call('SADD', 'dmae:keys', id)
return 1
