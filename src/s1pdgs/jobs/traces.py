"""The traces of an attempt: one task for the whole of it, and one within for each program."""

from collections.abc import Sequence

from attrs import define, field

from s1pdgs import __version__
from s1pdgs.jobs.errors import AttemptFailed
from s1pdgs.jobs.queue import Claim
from s1pdgs.jobs.spec import JobSpec, SpecTask
from s1pdgs.model.time import Clock, format_iso
from s1pdgs.watch.traces import Emit, End, Span, Status, begun, ended, names

ATTEMPT = "JobProcessing"
PROGRAM = "ProcessingTask"
_FAILURE = 255
"""The error code of what failed without an exit code."""


@define
class AttemptTraces:
    """Tells how an attempt goes."""

    spec: JobSpec
    claim: Claim
    clock: Clock
    emit: Emit
    _whole: Span = field(init=False)

    def begin(self) -> None:
        """The attempt begins."""
        inputs = [entry.product for entry in self.spec.inputs]
        self._whole = self._span(ATTEMPT, names("filename", inputs) | {"job_order_id_string": str(self.claim.job)})
        self.emit(begun(self._whole, f"job {self.claim.job}/{self.claim.fence} of {self.spec.chain} begins"))

    def done(self, products: Sequence[str], code: int, missing: Sequence[str]) -> None:
        """The attempt has published its products."""
        output = names("filename", products) | {"t0_pdgs_date": format_iso(self.spec.t0)}
        told = f"job {self.claim.job}/{self.claim.fence} is done"
        self._end(self._whole, End(Status.OK, told, code, output, missing))

    def failed(self, reason: str, code: int | None = None, *, late: bool = False) -> None:
        """The attempt ends without products; `late` when it took too long."""
        missing = [output.type for output in self.spec.outputs if output.mandatory]
        status = Status.TIMEOUT if late else Status.NOK
        self._end(self._whole, End(status, reason, _FAILURE if code is None else code, missing=missing))

    def begin_task(self, task: SpecTask) -> Span:
        """A program begins; what is to be given to `end_task`."""
        span = self._span(PROGRAM, {"task_name_string": task.name, "program_string": task.program}, self._whole)
        self.emit(begun(span, f"task {task.name} begins"))
        return span

    def end_task(self, span: Span, code: int, failure: AttemptFailed | None = None) -> None:
        """A program has ended, badly when there is a failure."""
        name = span.input["task_name_string"]
        if failure is None:
            self._end(span, End(Status.OK, f"task {name} ended with exit code {code}", code))
        else:
            status = Status.TIMEOUT if failure.late else Status.NOK
            self._end(span, End(status, failure.reason, code or _FAILURE))

    def _span(self, name: str, given: dict[str, object], parent: Span | None = None) -> Span:
        return Span(name, self.spec.chain, __version__, self.spec.satellite, self.clock.now(), given, parent)

    def _end(self, span: Span, end: End) -> None:
        self.emit(ended(span, end, self.clock.now()))
