-- Returns the state that the job is now in; 1 when it is gone, 0 when there never was one.
local id, tenant, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local job, gone = load_owned(id, tenant)
if not job then return gone and 1 or 0 end
expire_if_due(job, now)
if job.live then stop(job, 'cancelled', now) end
-- With what it had shown it has succeeded; to whoever cancels, again or not, that is well.
if redis.call('HEXISTS', job.name, 'ended_early') == 1 then return 'cancelled' end
return job.state
