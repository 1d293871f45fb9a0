-- A page of a tenant's jobs, newest first: the id from which to go on or '', and their rows. Returns
-- false when the cursor is not, or no more, in the list.
local tenant, cursor, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now, most_looks = tonumber(ARGV[4]), tonumber(ARGV[5])
local wanted = {}
for i = 6, #ARGV do wanted[ARGV[i]] = true end
local list, from = listed_name(tenant), 0
if cursor ~= '' then
  local rank = redis.call('ZREVRANK', list, cursor)
  if not rank then return false end
  from = rank + 1
end
local rows, last, oldest = {}, '', redis.call('ZRANGE', list, 0, 0)[1]
local ids = redis.call('ZREVRANGE', list, from, from + most_looks - 1)
for _, id in ipairs(ids) do
  last = id
  local job = load_job(id)
  if job and job.tenant == tenant then
    expire_if_due(job, now)
    if next(wanted) == nil or wanted[job.state] then rows[#rows + 1] = row(job) end
  end
  if #rows >= limit then break end
end
return { last == oldest and '' or last, rows }
