"""The few errors Jarvis raises on purpose: str(error) is the user's message, exit_code the process's end."""


class JarvisError(Exception):
    """Something failed in a way that can be told to the user in a sentence."""

    exit_code = 1


class ConfigError(JarvisError):
    """Jarvis cannot start as configured; holds every problem found, one line each (sysexits.h EX_CONFIG)."""

    exit_code = 78

    def __init__(self, problems: str | list[str]) -> None:
        """Take one problem or all of them at once."""
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class UsageError(JarvisError):
    """The user asked for something that makes no sense; nothing was stored."""

    exit_code = 2


class FileError(UsageError):
    """A file that the user wrote cannot be taken as it is; holds every problem found, one line each."""

    def __init__(self, problems: str | list[str]) -> None:
        """Take one problem or all of them at once."""
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class NotFound(JarvisError):
    """The thing that was named does not exist."""


class Conflict(JarvisError):
    """What is stored has changed since, so that what was asked for no longer fits; nothing was changed."""


class StoreError(JarvisError):
    """The store cannot be used right now."""


class StoreUnusable(StoreError):
    """The store must not be touched (damaged, newer schema, replaced, not writable at the start): refuse."""

    exit_code = 78


class StoreDamaged(StoreUnusable):
    """A page of the store is not what was written to it, or the file is no store at all."""


class StoreMoved(StoreUnusable):
    """The path of the store leads to another file than the one that is open, or to none."""


class StoreBusy(StoreError):
    """The store is locked, or its disk full, read-only or failing: wait and try again, nothing was lost."""

    def __init__(self, kind: str, message: str) -> None:
        """`kind` in a word or two: it stays the same for as long as the reason does."""
        self.kind = kind
        super().__init__(message)


class SendFailed(JarvisError):
    """A channel did not send, and says so: another attempt may go better."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """`retry_after`: how many seconds the receiver asks us to wait, if it says so."""
        self.retry_after = retry_after
        super().__init__(message)


class SendRefused(JarvisError):
    """A channel will never send this: another attempt is no use."""


class SendUnknown(JarvisError):
    """A channel may have sent, and cannot tell: another attempt may send twice."""
