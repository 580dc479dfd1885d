"""From a complete order to the spec of its job."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from s1pdgs.catalogue.query import Held
from s1pdgs.formats.joborder import FileInterval, JobOrder, OrderInput, OrderOutput, OrderTask
from s1pdgs.formats.tasktable import Destination, Task, TaskOutput
from s1pdgs.jobs.spec import InputFile, JobSpec, Limits, SpecContainer, SpecInput, SpecOutput, SpecPool, SpecTask
from s1pdgs.model.product import StoredFile
from s1pdgs.triggers.chains import Route
from s1pdgs.triggers.inputs import Choice, Resolution
from s1pdgs.triggers.parameters import dynamic_parameters, processing_station
from s1pdgs.triggers.segments import SESSION
from s1pdgs.triggers.types import name_pattern
from s1pdgs.triggers.units import Unit

_NOT_CATALOGUED = ("LIST", "RPT")
"""Outputs that are no products."""


def build_spec(route: Route, unit: Unit, key: str, resolution: Resolution, campaign: str | None = None) -> JobSpec:
    """The spec of the job that processes a unit, for a campaign or not, with the inputs that were chosen for it."""
    chain, table = route.chain, route.table
    inputs = {held.name: held for choice in resolution.choices.values() for held in choice.products}
    inputs |= {held.name: held for held in unit.products}
    deliveries = _numbered(inputs.values())
    return JobSpec(
        chain=chain.name,
        unit=key,
        satellite=unit.satellite,
        order=_job_order(route, unit, resolution, reprocessing=campaign is not None),
        inputs=tuple(
            SpecInput(held.name, held.product.type, tuple(_input_files(held, deliveries.get(held.name, 1))))
            for held in inputs.values()
        ),
        outputs=tuple(_outputs(route)),
        pools=tuple(
            SpecPool(
                tuple(SpecTask(task.name, task.program, task.cpus, task.critical) for task in pool.tasks),
                pool.killing_signal,
            )
            for pool in table.pools
        ),
        t0=unit.t0,
        timeliness=unit.timeliness,
        list_file=chain.list_file,
        limits=Limits(
            wall_s=min(chain.limits.wall_s, table.max_time_s or chain.limits.wall_s),
            memory_mb=chain.limits.memory_mb,
            disk_mb=chain.limits.disk_mb,
            free_mb=table.min_disk_mb or None,
            task_wall_s=chain.limits.task_wall_s,
            processes=chain.limits.processes,
        ),
        max_attempts=chain.max_attempts,
        timeliness_of_content=chain.timeliness_of_content,
        ghosts={str(mode): threshold_s for mode, threshold_s in chain.ghosts.items()},
        container=None if chain.container is None else SpecContainer(chain.container, chain.container_options),
        campaign=campaign,
    )


def _numbered(inputs: Iterable[Held]) -> dict[str, int]:
    """The place of each delivery of a session among the inputs, from 1."""
    names = [held.name for held in inputs if held.product.type == SESSION]
    return {name: number for number, name in enumerate(names, start=1)}


def _job_order(route: Route, unit: Unit, resolution: Resolution, *, reprocessing: bool) -> JobOrder:
    table = route.table
    return JobOrder(
        processor_name=table.processor_name,
        version=table.version,
        tasks=tuple(_order_task(route, task, resolution) for task in table.tasks),
        parameters=dynamic_parameters(route, unit, reprocessing=reprocessing),
        sensing=unit.whole if table.sensing_time else None,
        config_files=table.config_files,
        processing_station=processing_station(route.chain, unit),
        test=table.test,
        parameter_style=route.chain.parameter_style,
    )


def _order_task(route: Route, task: Task, resolution: Resolution) -> OrderTask:
    met = [resolution.choices[entry] for entry in task.inputs if entry in resolution.choices]
    return OrderTask(
        name=task.name,
        version=task.version,
        inputs=tuple(_order_input(choice) for choice in met),
        outputs=tuple(_order_output(route, output) for output in task.outputs),
    )


def _order_input(choice: Choice) -> OrderInput:
    kind = choice.alternative.file_type
    if not choice.products:
        return OrderInput(kind, "Regexp", (name_pattern(kind),))
    deliveries = _numbered(choice.products)
    named = [(name, held) for held in choice.products for name in _names(held, deliveries.get(held.name, 1))]
    return OrderInput(
        file_type=kind,
        file_name_type=choice.alternative.file_name_type,
        file_names=tuple(name for name, _ in named),
        intervals=tuple(FileInterval(held.validity, name) for name, held in named),
    )


def _names(held: Held, delivery: int) -> Iterator[str]:
    """What a job order calls a product: its directory or file; the blocks of a session, one by one."""
    if held.product.type == SESSION:
        yield from (file.place for file in _input_files(held, delivery))
    else:
        yield held.name


def _order_output(route: Route, output: TaskOutput) -> OrderOutput:
    pattern = _pattern(route, output.type) if output.file_name_type == "Regexp" else ""
    return OrderOutput(output.type, output.file_name_type, pattern, output.mandatory)


def _pattern(route: Route, kind: str) -> str:
    return route.chain.patterns.get(kind) or name_pattern(kind)


def _outputs(route: Route) -> Iterator[SpecOutput]:
    seen: set[str] = set()
    for output in (output for task in route.table.tasks for output in task.outputs):
        kept = output.destination is not Destination.TASK and not output.type.startswith(_NOT_CATALOGUED)
        if kept and output.type not in seen:
            seen.add(output.type)
            yield SpecOutput(output.type, _pattern(route, output.type), output.mandatory)


def _input_files(held: Held, delivery: int) -> Iterator[InputFile]:
    """Files of a product and where the processor finds them: `<name>/...`, `<name>` for one file; for a session `ch01/`
    and `ch02/`, below `delivery<k>/` when it is not the first delivery (docs/joints.md section 4).
    """
    product = held.product
    single = len(product.files) == 1 and product.files[0].path == product.name
    files = sorted(product.files, key=_alternating) if product.type == SESSION else product.files
    for file in files:
        if product.type == SESSION:
            place = _block_place(file) if delivery == 1 else f"delivery{delivery}/{_block_place(file)}"
        else:
            place = product.name if single else f"{product.name}/{file.path}"
        yield InputFile(f"{product.location}/{file.path}", place, file.size, file.sha256)


def _alternating(file: StoredFile) -> tuple[str, str]:
    """Blocks in the order in which they were received: both channels side by side."""
    path = PurePosixPath(file.path)
    return path.name.partition("_ch")[2][1:], path.parts[0]


def _block_place(file: StoredFile) -> str:
    path = PurePosixPath(file.path)
    return f"{path.parts[0].replace('ch_', 'ch0')}/{path.name}"
