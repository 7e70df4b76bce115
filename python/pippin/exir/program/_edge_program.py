"""Edge programs of the library: lowered from their sources, round by round, and changed; and how they look."""

import ctypes
import functools
import itertools
import json
import logging

from pippin import _structures as c
from pippin._library import call_out, call_text, check, lib, log_route, stream
from pippin.exir._graph import ExportedProgramView
from pippin.exir.backend._tags import choose
from pippin.exir.lowered_backend_module import LoweredBackendModule

PARTITIONER_LOGGER = "pippin.backends.apple.coreml.partition.coreml_partitioner"


class EdgeProgram:
    """Owns a ppn_edge_program_t and the exported programs it borrows.

    The library changes a program in place. To have another, as deep copies and `to_backend` need it, the same is done
    again: lowering from the sources, then every change, of which this keeps the list.
    """

    def __init__(self, sources, partitioners, decompose_all, changes=()):
        self._programs = []
        self._handle = None
        self._views = None
        self._sources = sources  # weights are lent by these
        self._partitioners = partitioners  # of the first round
        self._decompose_all = decompose_all
        self._changes = []
        self._specs = {name: [] for name in sources}  # of each lowered module, by method
        methods = (c.MethodSource * len(sources))()
        structures = {name: partitioner._as_structure() for name, partitioner in partitioners.items() if partitioner}
        for entry, (name, source) in zip(methods, sources.items()):
            program = source.load()
            self._programs.append(program)
            entry.name = name.encode()
            entry.program = program
            if name in structures:
                entry.partitioner = ctypes.pointer(structures[name])
        options = c.LoweringOptions(decompose_all=decompose_all)
        with _partitioner_log():
            self._handle = call_out(lib.ppn_to_edge_transform_and_lower, methods, len(sources), ctypes.byref(options))
        self._note_specs(partitioners)
        for name, *arguments in changes:
            getattr(self, name)(*arguments)

    def __del__(self):
        if self._handle:
            lib.ppn_edge_program_free(self._handle)
        for program in self._programs:
            lib.ppn_exported_program_free(program)

    def again(self):
        """An independent program like this one."""
        return EdgeProgram(self._sources, self._partitioners, self._decompose_all, self._changes)

    @property
    def is_changed(self):
        return bool(self._changes) or any(self._partitioners.values())

    # ---- Results ----

    def write(self, options, write):
        """Passes the `.pte` to `write(memoryview)` in pieces, in order."""
        check(lib.ppn_edge_program_set_options(self._handle, ctypes.byref(options)))
        stream(lib.ppn_edge_program_write_to, self._handle, write=write)

    def payload(self, method, index):
        pieces = []
        stream(lib.ppn_edge_program_write_payload_to, self._handle, method.encode(), index,
               write=lambda piece: pieces.append(bytes(piece)))
        return b"".join(pieces)

    def reports(self):
        count = ctypes.c_size_t()
        reports = lib.ppn_edge_program_report(self._handle, ctypes.byref(count))
        return [reports[index] for index in range(count.value)]

    def dump(self, what):
        return call_text(lib.ppn_edge_program_dump, self._handle, what.encode())

    @property
    def views(self):
        """An ExportedProgramView for each method."""
        if self._views is None:
            self._views = {method["name"]: self._view(method) for method in json.loads(self.dump("graph"))["methods"]}
        return self._views

    def _view(self, method):
        name = method["name"]
        modules = [
            LoweredBackendModule(module["name"], "CoreMLBackend", list(self._specs[name][index]),
                                 ExportedProgramView(module), functools.partial(self.payload, name, index))
            for index, module in enumerate(method["modules"])]
        return ExportedProgramView(method, modules, _Editor(self, name))

    def _note_specs(self, partitioners):
        for report in self.reports():
            name = report.name.decode()
            for _ in range(len(self._specs[name]), report.partition_count):
                self._specs[name].append(partitioners[name].compile_specs)

    # ---- Changes ----

    def to_backend(self, partitioners):
        """Another round: what each partitioner, by method, takes of what is left goes to its backend."""
        self._changes.append(("to_backend", partitioners))
        structures = {name: partitioner._as_structure() for name, partitioner in partitioners.items() if partitioner}
        entries = (ctypes.POINTER(c.Partitioner) * len(self._sources))()
        for index, name in enumerate(self._sources):
            if name in structures:
                entries[index] = ctypes.pointer(structures[name])
        self._views = None
        with _partitioner_log():
            check(lib.ppn_edge_program_to_backend(self._handle, entries))
        self._note_specs(partitioners)

    def partition(self, rounds):
        """Rounds by method: lists of partitioners, those written in Python included, which see the program as it is then."""
        for chosen in itertools.zip_longest(*rounds.values()):
            choices = {name: choose(partitioner, self.views[name])
                       for name, partitioner in zip(rounds, chosen) if partitioner is not None}
            for parts in itertools.zip_longest(*choices.values()):
                self.to_backend(dict(zip(choices, parts)))

    def replace_value(self, method, value, replacement):
        check(lib.ppn_edge_program_replace_value(self._handle, method.encode(), value.encode(), replacement.encode()))
        self._changes.append(("replace_value", method, value, replacement))

    def eliminate_dead_code(self, method):
        check(lib.ppn_edge_program_eliminate_dead_code(self._handle, method.encode()))
        self._changes.append(("eliminate_dead_code", method))


class _partitioner_log:
    """While it is entered, the library's messages go to the logger of the partitioner."""

    def __enter__(self):
        log_route.append(logging.getLogger(PARTITIONER_LOGGER))

    def __exit__(self, *_exception):
        log_route.pop()


class _Editor:
    """Carries changes of a view to the program."""

    def __init__(self, program, method):
        self._program, self._method = program, method

    def replace_value(self, value, replacement):
        self._program.replace_value(self._method, value, replacement)

    def eliminate_dead_code(self):
        self._program.eliminate_dead_code(self._method)
