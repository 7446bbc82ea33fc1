"""What is on a disk after the power was lost, from what a program really did to its files.

A disk is sure to keep what was written to a file before a sync of that file began that ended well,
and of names what was done in a directory before it was synced. The rest is there or not: any of the
names, and of a file's bytes the first so and so many, or their number only, so that it ends in
zeros. A gentle disk keeps names in the order in which they came, and no zeros: that of common file
systems, which Redis counts on."""

import os
import random

CHANGING = {'O_CREAT', 'O_TRUNC', 'O_WRONLY', 'O_RDWR'}


class Kept:
    """What was synced, and the changes since then."""

    def __init__(self, synced):
        self.synced, self.changes, self.settled = synced, [], 0

    def mark(self):
        return self.settled + len(self.changes)

    def sync(self, mark):
        """All changes up to the mark."""
        count = max(0, mark - self.settled)
        for change in self.changes[:count]:
            self.apply(self.synced, change)
        del self.changes[:count]
        self.settled += count

    def now(self):
        return self.with_changes(len(self.changes))

    def with_changes(self, count):
        state = type(self.synced)(self.synced)
        for change in self.changes[:count]:
            self.apply(state, change)
        return state


class File(Kept):
    """A change is (offset, bytes), or (size, None)."""

    def __init__(self, content=b''):
        super().__init__(bytearray(content))
        self.size, self.place = len(content), 0

    @staticmethod
    def apply(content, change):
        offset, data = change
        if data is None:
            del content[offset:]
        content.extend(bytes(max(0, offset - len(content))))
        if data is not None:
            content[offset:offset + len(data)] = data

    def write(self, data, offset=None):
        if offset is None:
            offset = self.size if self.place is None else self.place
            self.place = None if self.place is None else offset + len(data)
        self.changes.append((offset, data))
        self.size = max(self.size, offset + len(data))

    def truncate(self, size):
        self.changes.append((size, None))
        self.size = size

    def after(self, chance, gentle):
        if chance is None:
            return self.synced
        count = chance.randint(0, len(self.changes))
        content = self.with_changes(count)
        if count < len(self.changes):
            offset, data = self.changes[count]
            if data is not None:
                self.apply(content, (offset, data[:chance.randint(0, len(data))]))
        if not gentle and chance.random() < 0.5:
            content.extend(bytes(max(0, self.size - len(content))))
        return content


class Directory(Kept):
    """A change is {name: File or Directory; None: no longer there}."""

    def __init__(self):
        super().__init__({})

    @staticmethod
    def apply(names, change):
        for name, item in change.items():
            if item is None:
                names.pop(name, None)
            else:
                names[name] = item

    def after(self, chance, gentle):
        if chance is None:
            return self.synced
        if gentle:
            return self.with_changes(chance.randint(0, len(self.changes)))
        names = dict(self.synced)
        for change in self.changes:
            if chance.random() < 0.5:
                self.apply(names, change)
        return names


class Disk:
    """The files below `root`, where the program also stands. What is there when this is made is
    synced."""

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.directories = {}
        self.marks = {}  # of syncs under way
        self.under_way = set()
        self._take_up(self.root)

    def _take_up(self, path):
        directory = self.directories[path] = Directory()
        for entry in os.scandir(path):
            if entry.is_dir():
                directory.synced[entry.name] = self._take_up(entry.path)
            elif entry.is_file():
                with open(entry.path, 'rb') as file:
                    directory.synced[entry.name] = File(file.read())
        return directory

    def find(self, path):
        """None: it is none of ours."""
        if path in self.directories:
            return self.directories[path]
        directory = self.directories.get(os.path.dirname(path))
        return directory and directory.now().get(os.path.basename(path))

    # --- what the program did

    def take(self, moment):
        call = moment.call
        (self.under_way.add if moment.begins or call.result is None
         else self.under_way.discard)(call)
        if call.name in ('fsync', 'fdatasync'):
            self._sync(moment)
        elif not moment.begins and call.result is not None and call.result >= 0:
            handle = getattr(self, f'_{call.name}', None)
            if handle is not None:
                handle(call)
            else:
                assert call.name in ('sendto', 'sendmsg'), f'{call} is not known here'

    def _sync(self, moment):
        call = moment.call
        if moment.begins:
            kept = self.find(call.words[0])
            self.marks[call] = kept, kept and kept.mark()
            return
        kept, mark = self.marks.pop(call)
        if kept is not None and call.result == 0:
            kept.sync(mark)

    def _path(self, *words):
        return os.path.normpath(os.path.join(self.root, *(
            os.fsdecode(word) if isinstance(word, bytes) else word for word in words)))

    def _rename_paths(self, old, new):
        source, target = (self.directories.get(os.path.dirname(one)) for one in (old, new))
        if source is None and target is None:
            return
        assert source is target, 'from one directory to another'
        item = source.now()[os.path.basename(old)]
        source.changes.append({os.path.basename(old): None, os.path.basename(new): item})

    def _rename(self, call):
        self._rename_paths(*(self._path(word) for word in call.words))

    def _renameat(self, call):
        words = call.words
        self._rename_paths(self._path(*words[:2]), self._path(*words[2:4]))

    _renameat2 = _renameat

    def _remove(self, path):
        directory = self.directories.get(os.path.dirname(path))
        if directory is not None:
            directory.changes.append({os.path.basename(path): None})

    def _unlink(self, call):
        self._remove(self._path(call.words[0]))

    def _unlinkat(self, call):
        self._remove(self._path(*call.words[:2]))

    def _make_directory(self, path):
        parent = self.directories.get(os.path.dirname(path))
        if parent is not None:
            made = self.directories[path] = Directory()
            parent.changes.append({os.path.basename(path): made})

    def _mkdir(self, call):
        self._make_directory(self._path(call.words[0]))

    def _mkdirat(self, call):
        self._make_directory(self._path(*call.words[:2]))

    def _openat(self, call):
        self._open(call, 2)

    def _open(self, call, place=1):
        directory = self.directories.get(os.path.dirname(call.path or ''))
        flags = set(call.words[place].split('|'))
        if directory is None or call.path in self.directories or not flags & CHANGING:
            return
        name = os.path.basename(call.path)
        file = directory.now().get(name)
        if file is None:
            file = File()
            directory.changes.append({name: file})
        elif 'O_TRUNC' in flags:
            file.truncate(0)
        file.place = None if 'O_APPEND' in flags else 0

    def _write(self, call):
        file = self.find(call.words[0])
        if file is not None:
            file.write(call.data()[:call.result])

    _writev = _write

    def _pwrite64(self, call):
        file = self.find(call.words[0])
        if file is not None:
            file.write(call.data()[:call.result], int(call.words[3]))

    def _ftruncate(self, call):
        file = self.find(call.words[0])
        if file is not None:
            file.truncate(int(call.words[1]))

    @staticmethod
    def _sync_file_range(_):
        """Promises nothing."""

    def is_uncertain(self, name):
        """The program ended within a call that changes the file of this name."""
        return any(name in (os.path.basename(os.fsdecode(word)) for word in call.words)
                   for call in self.under_way)

    # --- what is left

    def write_left(self, target, seed=None, gentle=False):
        """Makes the directory `target` as the root is after the power was lost now. Without a seed
        nothing is kept but what is sure to be; with one, more by chance."""
        chance = None if seed is None else random.Random(seed)
        self._write_tree(target, self.directories[self.root],
                         lambda kept: kept.after(chance, gentle))

    def write_all(self, target):
        """As it is now."""
        self._write_tree(target, self.directories[self.root], lambda kept: kept.now())

    def _write_tree(self, target, directory, state):
        os.mkdir(target)
        for name, item in sorted(state(directory).items()):
            path = os.path.join(target, name)
            if isinstance(item, Directory):
                self._write_tree(path, item, state)
                continue
            with open(path, 'wb') as file:
                file.write(state(item))
