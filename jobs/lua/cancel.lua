local id, now = ARGV[1], tonumber(ARGV[2])
local job = load_job(id)
if not job then return '' end
expire_if_due(job, now)
if job.live then stop(job, 'cancelled', now) end
-- With what it had shown it has succeeded; to whoever cancels, again or not, that is well.
if redis.call('HEXISTS', job.name, 'ended_early') == 1 then return 'cancelled' end
return job.state
