-- All that is known of a job's deliveries, and when each is due: a flat list of fields and values.
local id = ARGV[1]
local log = deliveries_name(id)
local fields = redis.call('HGETALL', log)
local count = tonumber(redis.call('HGET', log, 'count') or '0')
for n = 1, count do
  local due = redis.call('ZSCORE', 'dmae:deliveries:due', id .. '|' .. n)
  if due then
    fields[#fields + 1] = n .. ':due'
    fields[#fields + 1] = due
  end
end
return fields
