-- What is owed. Of each model, books: the draws that its live jobs still need, and those of them
-- that were handed out and did not come back. Of each tenant, account: the draws that its live jobs
-- still need. Of each tenant and day, spent: draws made for jobs of that day, and of those that have
-- not ended the most that they may take: how many it will be is known too late to refuse them.
-- All are kept up by every script that changes them, and counted anew now and then (`recount`), since
-- a release that knows no books may be at work beside this one.

local function books_name(model) return 'dmae:books:' .. model end
local function account_name(tenant) return 'dmae:account:' .. tenant end
local function spent_name(tenant, day) return 'dmae:spent:' .. tenant .. ':' .. day end

-- Draws that a live job still needs, and those that were handed out and did not come back.
local function owed(job) return job.draws_planned - job.draws_done end
local function out(job)
  if job.state ~= 'running' then return 0 end
  return job.next - job.start - job.request_done
end

-- Adds to a number of books that have been counted; of others, counting will see it.
local function book(books, field, draws)
  if draws ~= 0 and redis.call('HEXISTS', books, 'counted_at') == 1 then
    redis.call('HINCRBY', books, field, text(draws))
  end
end

local function owe(job, draws)
  book(books_name(job.model), 'draws', draws)
  book(account_name(job.tenant), 'draws', draws)
end

local function hand(job, draws) book(books_name(job.model), 'out', draws) end

local function spend(job, draws)
  if draws == 0 or not job.day then return end
  local spent = spent_name(job.tenant, job.day)
  if redis.call('EXISTS', spent) == 1 then redis.call('INCRBY', spent, text(draws)) end
end

local function charged(planned, most) return math.max(planned, most or 0) end

-- A job that ends owes nothing more.
local function write_off(job)
  owe(job, -owed(job))
  spend(job, job.draws_done - charged(job.draws_planned, job.most))
  hand(job, -out(job))
end

local function number_of(books, field) return tonumber(redis.call('HGET', books, field) or 0) end
