-- Kept without an expiry: with another secret, equal requests would get other noise.
redis.call('SET', 'dmae:secret', ARGV[1], 'NX')
return redis.call('GET', 'dmae:secret')
