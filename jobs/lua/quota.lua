-- What a tenant has spent of its quota. Requests per minute are metered by the generic cell rate
-- algorithm (ITU-T I.371): a request a moment, after a burst of a whole minute's.
local MINUTE = 60

local function rate_name(tenant) return 'dmae:rate:' .. tenant end

local function day_of(now) return string.format('%d', math.floor(now / DAY)) end

-- The moment until which the tenant's requests so far have used up its rate: about a minute from now at
-- most, or the clock was set back since.
local function metered_until(tenant, now)
  local till = tonumber(redis.call('GET', rate_name(tenant)) or 0)
  return till > now + 2 * MINUTE and now or math.max(till, now)
end

-- Seconds until one more request conforms; 0 for now.
local function rate_wait(tenant, per_minute, now)
  return math.max(metered_until(tenant, now) - now - (MINUTE - MINUTE / per_minute), 0)
end

local function meter(tenant, per_minute, now)
  local till = metered_until(tenant, now) + MINUTE / per_minute
  redis.call('SET', rate_name(tenant), text(till), 'EX', 2 * MINUTE)
end

local function standing(tenant, now)
  return {
    jobs = redis.call('ZCARD', busy_name(tenant)),
    draws = number_of(account_name(tenant), 'draws'),
    spent = tonumber(redis.call('GET', spent_name(tenant, day_of(now))) or 0),
    metered = metered_until(tenant, now) - now,
  }
end

local function told(s) return { s.jobs, s.draws, s.spent, text(s.metered) } end
