local id, now = ARGV[1], tonumber(ARGV[2])
local job = load_job(id)
if not job then return false end
expire_if_due(job, now)
return redis.call('HMGET', job.name, 'spec', 'state', 'version', 'phase', 'draws_done',
  'draws_planned', 'started_at', 'finished_at', 'last_commit_at', 'certificate', 'interim',
  'error_code', 'error_message', 'cached')
