-- Makes deliveries of a job's or an evaluation's messages, each once whatever the number of calls,
-- due at once; then the entry of the outbox is done with. What was deleted meanwhile has none.
-- Arguments after the fifth: message ids and records in turn.
local entry, id, now, days, most = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local log = deliveries_name(id)
local last = redis.call('EXISTS', ended_name(id)) == 1 and #ARGV or 0
for i = 6, last, 2 do
  local message, record = ARGV[i], ARGV[i + 1]
  local count = tonumber(redis.call('HGET', log, 'count') or '0')
  if count < most and redis.call('HSETNX', log, 'message:' .. message, count + 1) == 1 then
    local n = redis.call('HINCRBY', log, 'count', 1)
    redis.call('HSET', log, n, record, n .. ':state', 'pending', n .. ':attempts', 0, n .. ':from', 0)
    redis.call('ZADD', 'dmae:deliveries:due', now, id .. '|' .. n)
    redis.call('EXPIRE', log, days * DAY)
  end
end
redis.call('XACK', 'dmae:outbox', 'webhooks', entry)
redis.call('XDEL', 'dmae:outbox', entry)
return redis.status_reply('OK')
