"""Stands between an instance and Redis and lets what Redis says arrive late, on each connection by
itself: replies a little, what is published or invalidated more. The order on each stays."""

import asyncio
import random
import threading

from redis_process import LOGIN

# (share of what comes that is late, seconds at most)
REPLIES, NEWS = (0.3, 0.004), (0.7, 0.12)


class LateRedis:
    def __init__(self, path, seed):
        self.path = path
        self.random = random.Random(f'{seed}/late')
        self.loop = asyncio.new_event_loop()
        self.port = None
        self._ready = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        if not self._ready.wait(30):
            raise AssertionError('the proxy does not start')

    @property
    def url(self):
        return f'redis://{LOGIN}127.0.0.1:{self.port}/0'

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._listen())
        self.loop.run_forever()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    async def _listen(self):
        server = await asyncio.start_server(self._serve, '127.0.0.1', 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()

    async def _serve(self, reader, writer):
        try:
            theirs = await asyncio.open_unix_connection(self.path)
        except OSError:
            writer.close()
            return
        late = [REPLIES]
        pumps = [asyncio.create_task(self._pass_on(reader, theirs[1], late)),
                 asyncio.create_task(self._hold_back(theirs[0], writer, late))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            theirs[1].close()
            writer.close()

    @staticmethod
    async def _pass_on(reader, writer, late):
        try:
            while data := await reader.read(65536):
                if b'SUBSCRIBE' in data.upper():
                    late[0] = NEWS
                writer.write(data)
                await writer.drain()
        except OSError:
            pass

    async def _hold_back(self, reader, writer, late):
        try:
            while data := await reader.read(65536):
                share, most = late[0]
                if self.random.random() < share:
                    await asyncio.sleep(self.random.random() * most)
                writer.write(data)
        except OSError:
            pass

    def destroy(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
