-- Looks at the running jobs that saw no commit for a while. Returns for each what to do: its id,
-- its phase, 1 when its request is complete and only has to be advanced, and the starts and stops
-- of the chunks to send again. Each time something was sent, the next look comes later.
local model, most_chunks, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease_seconds, longest = tonumber(ARGV[4]), tonumber(ARGV[5])
local messages, most_messages, most_jobs = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local found = {}
sweep(live_name(model), now)
-- With many messages waiting nothing is known to be lost, only late; but by no more than a lease: no more
-- is handed out than the workers compute in seconds.
local late = redis.call('LLEN', messages) > most_messages and lease_seconds or 0

-- Of the chunks that are out, those that nobody is at work on, in their order. They are looked for from
-- the last one backwards, where they most likely are: a job may have thousands that are not.
local function missing(job)
  local lost, left = {}, out(job)
  local start = job.start + math.floor((job.next - 1 - job.start) / job.chunk) * job.chunk
  while left > 0 and start >= job.start do
    local field, stop = chunk_field(job.phase, start), math.min(start + job.chunk, job.stop)
    if redis.call('HEXISTS', votes_name(job.id), field) == 0 then
      left = left - (stop - start)
      local holder, since = lease_of(job.id, field)
      if not (holder and alive(holder) and now - since < lease_seconds) then
        table.insert(lost, 1, { start, stop })
      end
    end
    start = start - job.chunk
  end
  local chunks = {}
  for i = 1, math.min(#lost, most_chunks) do
    chunks[#chunks + 1], chunks[#chunks + 2] = lost[i][1], lost[i][2]
  end
  return chunks
end

local due = redis.call('ZRANGEBYSCORE', running_name(model), '-inf', text(now - late), 'LIMIT', 0, most_jobs)
for _, id in ipairs(due) do
  local job = load_job(id)
  if not job or job.state ~= 'running' then
    redis.call('ZREM', running_name(model), id)
  elseif complete(job) then
    watch(job, now, math.min(2 * job.backoff, longest))
    found[#found + 1] = { id, job.phase, 1, {} }
  elseif out(job) == 0 then
    -- It waits for its turn, and will be watched from then on.
    watch(job, now, longest)
  else
    local chunks = missing(job)
    if #chunks > 0 then
      watch(job, now, math.min(2 * job.backoff, longest))
      found[#found + 1] = { id, job.phase, 0, chunks }
    else
      -- All are at work; but one of the workers may just have died.
      watch(job, now, job.backoff)
    end
  end
end
return found
