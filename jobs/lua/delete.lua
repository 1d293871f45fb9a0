-- Returns 'deleted'; 1 when the job is gone already, 0 when there never was one.
local id, tenant, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local job, gone = load_owned(id, tenant)
if not job then return gone and 1 or 0 end
if job.live then settle(job, 'cancelled', now) end
list_job(listed_name(tenant), id, now, now)
redis.call('DEL', job_name(id), image_name(id), votes_name(id), leases_name(id), deaths_name(id))
return 'deleted'
