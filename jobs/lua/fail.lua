local id, code, message, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local job = load_job(id)
if not job or not job.live then return 0 end
fail(job, code, message, now)
return 1
