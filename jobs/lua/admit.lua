-- Starts queued jobs while few enough run; returns the first chunks of each: id, phase, list.
local model, window, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local most_running, most_now = tonumber(ARGV[4]), tonumber(ARGV[5])
local started = {}
sweep(model, now)
while #started < most_now and redis.call('ZCARD', running_name(model)) < most_running do
  local id = redis.call('LPOP', queued_name(model))
  if not id then break end
  local job = load_job(id)
  if job and job.state == 'queued' then
    redis.call('HSET', job.name, 'state', 'running', 'started_at', text(now))
    redis.call('HINCRBY', job.name, 'version', 1)
    watch(job, now, FIRST_BACKOFF)
    started[#started + 1] = { id, job.phase, hand_out(job, window) }
  end
end
return started
