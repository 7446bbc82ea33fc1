-- How many there are. KEYS[1] process_ids. Answers OK with the total, then pending, running,
-- completed, failed, canceled.

return reply('OK', redis.call('SCARD', KEYS[1]),
             redis.call('ZCARD', status_key('pending')),
             redis.call('ZCARD', status_key('running')),
             redis.call('ZCARD', status_key('completed')),
             redis.call('ZCARD', status_key('failed')),
             redis.call('ZCARD', status_key('canceled')))
