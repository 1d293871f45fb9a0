-- Hands out chunks; starts queued jobs where it is their turn. Returns the id, phase, start and stop
-- of each chunk.
local model, now, room = ARGV[1], tonumber(ARGV[2]), room_of(ARGV[3], ARGV[4], ARGV[5])
sweep(live_name(model), now)
return serve(model, room, now)
