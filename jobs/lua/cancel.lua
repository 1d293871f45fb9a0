local id, now = ARGV[1], tonumber(ARGV[2])
local job = load_job(id)
if not job then return '' end
expire_if_due(job, now)
if job.live then settle(job, 'cancelled', now) end
return job.state
