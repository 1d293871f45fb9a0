-- Ends the job with its certificate and caches that, if nobody else did. Returns 1 if it was us.
local id, step, certificate, now = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local job = load_job(id)
if not job or job.state ~= 'running' then return 0 end
if job.step ~= step or not complete(job) then return 0 end
local done = redis.call('HGET', job.name, 'draws_done')
redis.call('HSET', job.name, 'certificate', certificate, 'draws_planned', done)
redis.call('SET', certificate_name(job.document), certificate, 'EX', CERTIFICATE_DAYS * DAY)
settle(job, 'succeeded', now)
return 1
