"""Progress on stderr: a bar on a terminal, a plain line now and then in a pipe."""
import sys
import time


class Progress:
    def __init__(self, what, total):
        self.what, self.total, self.done = what, total, 0
        self.is_tty = sys.stderr.isatty()
        self.began = self.told = time.monotonic()

    def step(self, n=1):
        self.done += n
        now = time.monotonic()
        last = self.done >= self.total
        if not last and now - self.told < (0.1 if self.is_tty else 5):
            return
        self.told = now
        text = f'{self.what}: {self.done} of {self.total}, {now - self.began:.1f} s'
        if self.is_tty:
            filled = 30 * self.done // self.total
            text = f'\r[{"#" * filled}{"." * (30 - filled)}] {text}'
        print(text, end='\n' if last or not self.is_tty else '', file=sys.stderr, flush=True)
