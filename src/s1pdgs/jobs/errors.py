"""What goes wrong with an attempt at a job."""


class JobError(RuntimeError):
    """An attempt cannot go on."""


class LeaseLost(JobError):  # noqa: N818
    """Another attempt has begun, or an operator took the job away: nothing of this one may be published."""


class Interrupted(JobError):  # noqa: N818
    """The worker is asked to stop; the job goes back to the queue unharmed."""


class AttemptFailed(JobError):  # noqa: N818
    """The attempt failed; `lasting` means that a repetition cannot mend it, `late` that it took too long."""

    def __init__(self, reason: str, *, exit_code: int | None = None, lasting: bool = False, late: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.exit_code = exit_code
        self.lasting = lasting
        self.late = late
