-- Gives a chunk back uncomputed. Returns 1 when the job failed for it.
local id, phase, start, worker = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local now, failed, most_errors = tonumber(ARGV[5]), ARGV[6] == '1', tonumber(ARGV[7])
local field = chunk_field(phase, start)
local held = release(id, field, worker)
if not (held and failed) then return 0 end
local job = load_job(id)
if not job or not job.live then return 0 end
local errors = redis.call('HINCRBY', deaths_name(id), field .. ':errors', 1)
redis.call('EXPIRE', deaths_name(id), lifetime(job, now))
if errors < most_errors then return 0 end
fail(job, 'chunk_failed', 'draws ' .. text(start) .. ' of ' .. phase
  .. ' and after could not be computed in ' .. text(errors) .. ' tries', now)
return 1
