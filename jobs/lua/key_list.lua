local found = {}
for _, id in ipairs(redis.call('SMEMBERS', 'dmae:keys')) do
  found[#found + 1] = redis.call('HMGET', 'dmae:key:' .. id, 'key', 'revoked_at', 'last_used_at')
end
return found
