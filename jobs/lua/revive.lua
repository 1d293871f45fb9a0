-- Looks at the running jobs that saw no commit for a while. Returns for each what to do: its id,
-- its phase, 1 when its request is complete and only has to be advanced, and the starts and stops
-- of the chunks to send again. Each time something was sent, the next look comes later.
local model, most_chunks, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local lease_seconds, longest = tonumber(ARGV[4]), tonumber(ARGV[5])
local messages, most_messages, most_jobs = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local found = {}
sweep(live_name(model), now)
-- With many messages waiting nothing is known to be lost, only late.
if redis.call('LLEN', messages) > most_messages then return found end

local function missing(job)
  local chunks = {}
  for start = job.start, job.next - 1, job.chunk do
    local field = chunk_field(job.phase, start)
    if redis.call('HEXISTS', votes_name(job.id), field) == 0 then
      local holder, since = lease_of(job.id, field)
      if not (holder and alive(holder) and now - since < lease_seconds) then
        if #chunks >= 2 * most_chunks then break end
        chunks[#chunks + 1] = start
        chunks[#chunks + 1] = math.min(start + job.chunk, job.stop)
      end
    end
  end
  return chunks
end

local due = redis.call('ZRANGEBYSCORE', running_name(model), '-inf', text(now), 'LIMIT', 0, most_jobs)
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
