-- The rank, oldest first, of the first entry after (score, id): entries of one score stand in the
-- order of their ids, so a place among them is found even if its own entry is gone.
local function rank_after(index, score, id)
    local low = redis.call('ZCOUNT', index, '-inf', '(' .. score)
    local high = low + redis.call('ZCOUNT', index, score, score)
    while low < high do
        local middle = math.floor((low + high) / 2)
        if redis.call('ZRANGE', index, middle, middle)[1] <= id then
            low = middle + 1
        else
            high = middle
        end
    end
    return low
end
