local found = {}
for _, worker in ipairs(redis.call('SMEMBERS', WORKERS)) do
  local info = redis.call('GET', worker_name(worker))
  if info then
    found[#found + 1] = info
  else
    redis.call('SREM', WORKERS, worker)
  end
end
return found
