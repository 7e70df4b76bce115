"""EdgeProgramManager and ExecutorchProgramManager: lowering in the words of ExecuTorch's Python API."""

import ctypes

from pippin._library import STATUS_IO, MethodSource, WriteFunction, call_out, check, lib
from pippin.exir._source import make_source


class _EdgeProgram:
    """Owns a ppn_edge_program_t and the exported programs it borrows."""

    def __init__(self, sources, partitioners):
        self._programs = []
        self._handle = None
        self._sources = sources  # weights are lent by these
        methods = (MethodSource * len(sources))()
        structures = {name: partitioner._as_structure() for name, partitioner in partitioners.items() if partitioner}
        for entry, (name, source) in zip(methods, sources.items()):
            program = source.load()
            self._programs.append(program)
            entry.name = name.encode()
            entry.program = program
            if name in structures:
                entry.partitioner = ctypes.pointer(structures[name])
        self._handle = call_out(lib.ppn_to_edge_transform_and_lower, methods, len(sources), None)

    def __del__(self):
        if self._handle:
            lib.ppn_edge_program_free(self._handle)
        for program in self._programs:
            lib.ppn_exported_program_free(program)

    def write(self, write):
        """Passes the `.pte` to `write(memoryview)` in pieces, in order."""
        failure = []

        def pass_on(_user_data, data, size):
            try:
                write(memoryview((ctypes.c_char * size).from_address(data)))
                return None
            except BaseException as error:  # an exception cannot travel through C: it is carried around it
                failure.append(error)
                return lib.ppn_status_create(STATUS_IO, str(error).encode())

        status = lib.ppn_edge_program_write_to(self._handle, WriteFunction(pass_on), None)
        if failure:
            lib.ppn_status_free(status)
            raise failure[0]
        check(status)

    def reports(self):
        count = ctypes.c_size_t()
        reports = lib.ppn_edge_program_report(self._handle, ctypes.byref(count))
        return [reports[index] for index in range(count.value)]

    def dump(self, what):
        text = call_out(lib.ppn_edge_program_dump, self._handle, what.encode())
        try:
            return ctypes.string_at(text).decode(errors="replace")
        finally:
            lib.ppn_text_free(text)


def _by_method(value, names):
    """A value for each method: given for all of them, or as a dict by name."""
    return {name: value.get(name) for name in names} if isinstance(value, dict) else {name: value for name in names}


def _one_partitioner(partitioners):
    if partitioners is None:
        return None
    if not isinstance(partitioners, (list, tuple)):
        partitioners = [partitioners]
    if len(partitioners) > 1:
        raise NotImplementedError("one partitioner per method is supported; pass a list with one CoreMLPartitioner")
    for partitioner in partitioners:
        if not hasattr(partitioner, "_as_structure"):
            raise TypeError(f"expected a pippin CoreMLPartitioner, not {type(partitioner).__module__}.{type(partitioner).__name__}")
    return partitioners[0] if partitioners else None


class EdgeProgramManager:
    """Programs by method name, partitioned and lowered. Made by :func:`to_edge_transform_and_lower` and :func:`to_edge`."""

    def __init__(self, sources, partitioners):
        self._sources = sources
        self._partitioners = partitioners
        self._edge = _EdgeProgram(sources, partitioners)

    @property
    def methods(self):
        return set(self._sources)

    def to_backend(self, partitioner):
        """A new manager with the methods partitioned by `partitioner` (or a dict of them by method)."""
        chosen = {name: _one_partitioner(value) for name, value in _by_method(partitioner, self._sources).items()}
        return EdgeProgramManager(self._sources, {**self._partitioners, **{k: v for k, v in chosen.items() if v}})

    def to_executorch(self, config=None):
        return ExecutorchProgramManager(self._edge, self.methods)

    def delegation_report(self):
        """What was delegated and why not: a list of dicts, one per method (Pippin's own; ExecuTorch has no such method)."""
        return [
            {
                "method": report.name.decode(),
                "partitions": [
                    {"name": p.name.decode(), "nodes": p.node_count, "operations": p.operation_count,
                     "specification_version": p.specification_version, "weight_bytes": p.weight_size}
                    for p in report.partitions[: report.partition_count]
                ],
                "delegated_nodes": report.delegated_count,
                "undelegated": [
                    {"name": n.name.decode(), "target": n.target.decode(), "reason": n.reason.decode(),
                     "file": n.file.decode(), "line": n.line, "source": n.source.decode()}
                    for n in report.undelegated[: report.undelegated_count]
                ],
            }
            for report in self._edge.reports()
        ]


class ExecutorchProgramManager:
    """A finished program: :attr:`buffer`, :meth:`write_to_file`, :meth:`save`."""

    def __init__(self, edge, methods):
        self._edge = edge
        self._methods = methods
        self._buffer = None

    @property
    def methods(self):
        return set(self._methods)

    @property
    def buffer(self):
        """The `.pte` as bytes, made once."""
        if self._buffer is None:
            pieces = []
            self._edge.write(lambda piece: pieces.append(bytes(piece)))
            self._buffer = b"".join(pieces)
        return self._buffer

    def write_to_file(self, open_file):
        """Streams the `.pte` to a file opened for binary writing."""
        self._edge.write(open_file.write)

    def save(self, path):
        if not str(path).endswith(".pte"):
            raise ValueError(f"Path suffix must be .pte, got {path}")
        with open(path, "wb") as file:
            self.write_to_file(file)


def _sources(programs):
    if not isinstance(programs, dict):
        programs = {"forward": programs}
    return {name: make_source(program) for name, program in programs.items()}


def _refuse(name, value):
    if value:
        raise NotImplementedError(f"{name} is not supported by Pippin")


def to_edge_transform_and_lower(programs, transform_passes=None, partitioner=None, constant_methods=None,
                                compile_config=None, generate_etrecord=False):
    """Decomposes, partitions and lowers. `programs`: a torch.export.ExportedProgram, the path of a `.pt2`, or a dict of
    these by method name; `partitioner`: a list with one CoreMLPartitioner, or a dict of lists by method."""
    _refuse("transform_passes", transform_passes)
    _refuse("constant_methods", constant_methods)
    _refuse("generate_etrecord", generate_etrecord)
    sources = _sources(programs)
    chosen = {name: _one_partitioner(value) for name, value in _by_method(partitioner, sources).items()}
    return EdgeProgramManager(sources, chosen)


def to_edge(programs, constant_methods=None, compile_config=None, generate_etrecord=False):
    """Decomposes without delegating anything; :meth:`EdgeProgramManager.to_backend` then delegates."""
    return to_edge_transform_and_lower(programs, constant_methods=constant_methods, compile_config=compile_config,
                                       generate_etrecord=generate_etrecord)
