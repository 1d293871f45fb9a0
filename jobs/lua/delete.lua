-- Returns 'deleted'; 1 when the job is gone already, 0 when there never was one.
local id, tenant, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local job, gone = load_owned(id, tenant)
if not job then return gone and 1 or 0 end
if job.live then settle(job, 'cancelled', now) end
erase(id, tenant, now)
return 'deleted'
