-- Live jobs, draws that they need, draws of the day, and seconds of the minute's rate in use.
local tenant, now = ARGV[1], tonumber(ARGV[2])
sweep(busy_name(tenant), now)
recount_account(tenant, now)
return told(standing(tenant, now))
