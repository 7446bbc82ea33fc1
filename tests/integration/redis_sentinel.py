"""A primary, its replicas and the sentinels that watch over them, all real; and sentinels that say
what a test wants."""

import os
import shutil
import socketserver
import subprocess
import tempfile
import threading
from urllib.parse import quote

from polling import eventually
from redis_process import LOGIN, Redis, RedisConnection, RedisError, free_port

SERVICE = 'mymaster'
SENTINEL_PASSWORD = 'sentinels only'
DOWN_AFTER_MS = 1000

PASSWORD = 'nodes only'

# Who a node lets in beside the service, so that a test can shut these out and nobody else: for
# them, such a node is cut off.
PEERS = {'replica': 'r', 'watcher': 'w'}


class Node(Redis):
    def __init__(self, *options):
        users = [word for name, password in PEERS.items()
                 for word in ('--user', name, 'on', f'>{password}', '~*', '&*', '+@all')]
        super().__init__('--repl-diskless-sync-delay', '0', '--masteruser', 'replica',
                         '--masterauth', PEERS['replica'], *users, *options, password=PASSWORD)

    def cut_off(self):
        """Neither replicas nor sentinels reach it; clients do."""
        for name in PEERS:
            self.command('ACL', 'SETUSER', name, 'off')
        for name in PEERS:
            self.command('CLIENT', 'KILL', 'USER', name)

    def heal(self):
        for name in PEERS:
            self.command('ACL', 'SETUSER', name, 'on')

    def follow(self, primary):
        """False when it closed the connection, as a primary does that becomes a replica."""
        try:
            return self.command('REPLICAOF', '127.0.0.1', primary.port).startswith('OK')
        except OSError:
            return False

    def role(self):
        return self.command('ROLE')[0].decode()

    def clients(self, name):
        """How many connections of an instance it has."""
        listed = self.command('CLIENT', 'LIST').decode()
        return sum(f' name={name} ' in line for line in listed.splitlines())


class Sentinel:
    def __init__(self, primary_port):
        self.directory = tempfile.mkdtemp(prefix='proctrack-sentinel-')
        self.port = free_port()
        self.process = None
        path = os.path.join(self.directory, 's')
        with open(os.path.join(self.directory, 'conf'), 'w', encoding='ascii') as conf:
            conf.write(f'''port {self.port}
bind 127.0.0.1
unixsocket {path}
dir {self.directory}
requirepass "{SENTINEL_PASSWORD}"
sentinel sentinel-pass "{SENTINEL_PASSWORD}"
sentinel monitor {SERVICE} 127.0.0.1 {primary_port} 2
sentinel auth-user {SERVICE} watcher
sentinel auth-pass {SERVICE} {PEERS['watcher']}
sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}
sentinel failover-timeout {SERVICE} 1500
''')
        with open(os.path.join(self.directory, 'log'), 'ab') as log:
            self.process = subprocess.Popen(
                [shutil.which(os.environ.get('REDIS_SERVER', 'redis-server')),
                 os.path.join(self.directory, 'conf'), '--sentinel'],
                cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._connection = None

    def command(self, *words):
        if self._connection is None:
            path = os.path.join(self.directory, 's')
            self._connection = RedisConnection(path, SENTINEL_PASSWORD)
        return self._connection.command(*words)

    def master(self):
        words = [word.decode() for word in self.command('SENTINEL', 'MASTER', SERVICE)]
        return dict(zip(words[::2], words[1::2]))

    def replica_flags(self):
        replicas = ([word.decode() for word in one]
                    for one in self.command('SENTINEL', 'REPLICAS', SERVICE))
        return [dict(zip(words[::2], words[1::2]))['flags'] for words in replicas]

    def primary_port(self):
        return int(self.command('SENTINEL', 'get-master-addr-by-name', SERVICE)[1])

    def destroy(self):
        if self._connection is not None:
            self._connection.close()
        self.process.kill()
        self.process.wait(10)
        shutil.rmtree(self.directory, ignore_errors=True)


class Watched:
    """Three nodes, the first of them the primary, and three sentinels that know each other."""

    def __init__(self):
        self.nodes, self.sentinels = [], []
        try:
            self.nodes.append(Node())
            for _ in range(2):
                self.nodes.append(Node('--replicaof', '127.0.0.1', str(self.nodes[0].port)))
            for _ in range(3):
                self.sentinels.append(Sentinel(self.nodes[0].port))
            eventually(self.is_settled, 30, what='the sentinels see each other and all replicas')
        except BaseException:
            self.destroy()
            raise

    def is_settled(self):
        try:
            known = [sentinel.master() for sentinel in self.sentinels]
            return (all(one['num-slaves'] == '2' and one['num-other-sentinels'] == '2'
                        and one['flags'] == 'master' for one in known)
                    and all(sentinel.replica_flags() == ['slave', 'slave']
                            for sentinel in self.sentinels)
                    and self.primary().command('INFO', 'replication').count(b'state=online') == 2)
        except (OSError, RedisError):
            return False

    def primary(self):
        """As most sentinels say; None while they do not agree."""
        ports = [sentinel.primary_port() for sentinel in self.sentinels]
        for node in self.nodes:
            if ports.count(node.port) >= 2:
                return node
        return None

    def replicas_of(self, primary):
        """Makes all others replicas of it at once, where the sentinels would take their time."""
        for node in self.nodes:
            if node is not primary:
                eventually(lambda one=node: one.follow(primary), what='it is told')

    def url(self, *ports, database=0):
        at = ','.join(f'127.0.0.1:{port}'
                      for port in (*ports, *(sentinel.port for sentinel in self.sentinels)))
        return (f'redis+sentinel://{LOGIN}{at}/{SERVICE}/{database}'
                f'?sentinel_password={quote(SENTINEL_PASSWORD)}')

    def destroy(self):
        for sentinel in self.sentinels:
            sentinel.destroy()
        for node in self.nodes:
            node.destroy()


class ToldSentinel:
    """Names a primary as it is told to, with an epoch; None: it knows of none."""

    def __init__(self, port, epoch):
        self.names, self.epoch, self.silent = port, epoch, False
        told = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    while (words := self._read()) and not told.silent:
                        self.wfile.write(told.answer([word.lower() for word in words]))
                except (OSError, ValueError):
                    pass

            def _read(self):
                line = self.rfile.readline()
                if not line:
                    return None
                words = []
                for _ in range(int(line[1:])):
                    size = int(self.rfile.readline()[1:])
                    words.append(self.rfile.read(size + 2)[:-2])
                return words

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self.server = Server(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={'poll_interval': 0.05}, daemon=True)
        self.thread.start()

    def answer(self, words):
        if words[0] != b'sentinel':
            return b'+PONG\r\n' if words[0] == b'ping' else b'+OK\r\n'
        if words[1] == b'master':
            pairs = ['name', SERVICE, 'config-epoch', str(self.epoch)]
        elif self.names is None:
            return b'*-1\r\n'
        else:
            pairs = ['127.0.0.1', str(self.names)]
        return b'*%d\r\n' % len(pairs) + b''.join(
            b'$%d\r\n%s\r\n' % (len(word), word.encode()) for word in pairs)

    def destroy(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)
