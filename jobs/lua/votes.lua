local id = ARGV[1]
local job = load_job(id)
if not job or job.state ~= 'running' then return false end
local values = redis.call('HMGET', job.name, 'spec', 'key', 'step', 'started_at')
-- A release that counted no questions wrote no subject.
local attempts = job.asked and redis.call('SCARD', asked_name(job.asked)) or 0
return { values[1], values[2], values[3], values[4], complete(job) and 1 or 0,
  redis.call('HGETALL', votes_name(id)), math.max(attempts, 1) }
