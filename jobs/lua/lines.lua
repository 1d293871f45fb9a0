-- Who comes next, fairly (stride scheduling; Waldspurger and Weihl, 1995). A line is a zset of those
-- who want to be served, by what they were given so far, divided by their weights: the least comes
-- next. Who joins starts level with the first, so that nobody saves up by staying away; and no
-- further ahead than it left, so that nobody gains by coming and going.

local function had_name(line) return 'dmae:had:' .. line end

local function first(line) return redis.call('ZRANGE', line, 0, 0, 'WITHSCORES') end

local function join(line, member, seconds)
  keep(line, seconds)
  if redis.call('ZSCORE', line, member) then return end
  local front, had = first(line), had_name(line)
  local before = front[1] and redis.call('ZSCORE', had, member) or 0
  redis.call('ZADD', line, text(math.max(tonumber(front[2] or 0), tonumber(before))), member)
  redis.call('ZREM', had, member)
  keep(line, seconds)
end

local function leave(line, member)
  local score, had = redis.call('ZSCORE', line, member), had_name(line)
  if not score then return end
  redis.call('ZREM', line, member)
  local front = first(line)
  -- Nobody is left to be fair to.
  if not front[1] then return redis.call('DEL', had) end
  redis.call('ZADD', had, score, member)
  redis.call('ZREMRANGEBYSCORE', had, '-inf', front[2])
  keep(had, math.max(redis.call('TTL', line), 1))
end

local function pay(line, member, amount) redis.call('ZINCRBY', line, text(amount), member) end
