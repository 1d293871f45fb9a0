local id, now = ARGV[1], tonumber(ARGV[2])
local job = load_job(id)
if job and job.live then settle(job, 'cancelled', now) end
return redis.call('DEL', job_name(id), image_name(id), votes_name(id), leases_name(id),
  deaths_name(id))
