local id = ARGV[1]
local values = redis.call('HMGET', job_name(id), 'state', 'spec', 'key')
if values[1] ~= 'running' then return false end
return { values[2], values[3], redis.call('GET', image_name(id)) }
