"""EdgeProgramManager and ExecutorchProgramManager: lowering in the words of ExecuTorch's Python API."""

import copy
import ctypes
import functools
import json
import logging
import os
import sys
import tempfile

from pippin import _structures as c
from pippin._library import call_out, call_text, check, lib, log_route, stream
from pippin.exir._emission import make_options
from pippin.exir._graph import ExportedProgramView
from pippin.exir._source import make_source
from pippin.exir.capture import EdgeCompileConfig, ExecutorchBackendConfig
from pippin.exir.lowered_backend_module import LoweredBackendModule

_PARTITIONER_LOGGER = "pippin.backends.apple.coreml.partition.coreml_partitioner"
_COMPILER_LOGGER = "pippin.backends.apple.coreml.compiler.coreml_preprocess"


class _EdgeProgram:
    """Owns a ppn_edge_program_t and the exported programs it borrows."""

    def __init__(self, sources, partitioners, decompose_all):
        self._programs = []
        self._handle = None
        self._sources = sources  # weights are lent by these
        self.partitioners = partitioners
        self.is_edited = False
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
        log_route.append(logging.getLogger(_PARTITIONER_LOGGER))
        try:
            self._handle = call_out(lib.ppn_to_edge_transform_and_lower, methods, len(sources), ctypes.byref(options))
        finally:
            log_route.pop()

    def __del__(self):
        if self._handle:
            lib.ppn_edge_program_free(self._handle)
        for program in self._programs:
            lib.ppn_exported_program_free(program)

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

    @functools.cached_property
    def views(self):
        """An ExportedProgramView for each method."""
        return {method["name"]: self._view(method) for method in json.loads(self.dump("graph"))["methods"]}

    def _view(self, method):
        name, partitioner = method["name"], self.partitioners.get(method["name"])
        modules = [
            LoweredBackendModule(module["name"], "CoreMLBackend", list(partitioner.compile_specs),
                                 ExportedProgramView(module), functools.partial(self.payload, name, index))
            for index, module in enumerate(method["modules"])]
        return ExportedProgramView(method, modules, _Editor(self, name))

    # ---- Changes ----

    def replace_value(self, method, value, replacement):
        check(lib.ppn_edge_program_replace_value(self._handle, method.encode(), value.encode(), replacement.encode()))
        self.is_edited = True

    def eliminate_dead_code(self, method):
        check(lib.ppn_edge_program_eliminate_dead_code(self._handle, method.encode()))
        self.is_edited = True


class _Editor:
    """Carries changes of a view to the program."""

    def __init__(self, program, method):
        self._program, self._method = program, method

    def replace_value(self, value, replacement):
        self._program.replace_value(self._method, value, replacement)

    def eliminate_dead_code(self):
        self._program.eliminate_dead_code(self._method)


def _one_partitioner(partitioners):
    """The partitioner of a method, given alone or as a list; None for an empty list."""
    if partitioners is None:
        return None
    if not isinstance(partitioners, (list, tuple)):
        partitioners = [partitioners]
    if len(partitioners) > 1:
        raise NotImplementedError("Pippin takes one partitioner for each method: pass a list with one CoreMLPartitioner")
    for partitioner in partitioners:
        if not hasattr(partitioner, "_as_structure"):
            kind = type(partitioner)
            raise TypeError(f"expected a pippin CoreMLPartitioner, not {kind.__module__}.{kind.__qualname__}")
    return partitioners[0] if partitioners else None


def _partitioners(value, methods):
    """By method; a dict leaves the methods it does not name undelegated."""
    chosen = value if isinstance(value, dict) else {name: value for name in methods}
    unknown = set(chosen) - set(methods)
    if unknown:
        raise KeyError(f"partitioners are given for {sorted(unknown)}, but the methods are {sorted(methods)}")
    return {name: _one_partitioner(chosen.get(name)) for name in methods}


class EdgeProgramManager:
    """Programs by method name, partitioned and lowered. Made by :func:`to_edge_transform_and_lower` and :func:`to_edge`."""

    def __init__(self, sources, partitioners, *, constant_methods=None, compile_config=None, decompose_all=False):
        self._sources = sources
        self._partitioners = partitioners
        self._config_methods = dict(constant_methods or {})
        self.compile_config = compile_config or EdgeCompileConfig()
        self._decompose_all = decompose_all
        self._edge = _EdgeProgram(sources, partitioners, decompose_all)
        _warn_of_specification_versions(self._edge)

    @property
    def methods(self):
        return set(self._sources)

    @property
    def config_methods(self):
        return set(self._config_methods)

    def exported_program(self, method_name="forward"):
        """The lowered graph of a method, to be read like a torch.export.ExportedProgram (see pippin.exir._graph)."""
        return self._edge.views[method_name]

    def _again(self, partitioners):
        if self._edge.is_edited:
            raise NotImplementedError("the graph was changed: a changed program can be written, but not lowered again")
        return EdgeProgramManager(self._sources, partitioners, constant_methods=self._config_methods,
                                  compile_config=self.compile_config, decompose_all=self._decompose_all)

    def to_backend(self, partitioner):
        """A new manager with the methods partitioned by `partitioner`, or by a dict of them by method."""
        chosen = _partitioners(partitioner, self._sources)
        already = [name for name, value in chosen.items() if value and self._partitioners.get(name)]
        if already:
            raise NotImplementedError(f"methods {already} were partitioned before: Pippin takes one partitioner for each method")
        if any(chosen.values()) and self._decompose_all:
            logging.getLogger(_PARTITIONER_LOGGER).warning(
                "DEPRECATION WARNING: the to_edge() + to_backend() workflow decomposes operators, such as attention, that "
                "Core ML computes faster as they are; use to_edge_transform_and_lower() instead")
        return self._again({name: value or self._partitioners.get(name) for name, value in chosen.items()})

    def transform(self, passes, compile_config=None):
        _refuse("transform() with torch.fx passes", passes)
        return self._again(self._partitioners)

    def to_executorch(self, config=None):
        return ExecutorchProgramManager(self._edge, self.methods, self._config_methods, config)

    def __deepcopy__(self, memo):
        """Independent of this one; the weights, which nobody writes, are shared."""
        return self._again(dict(self._partitioners))

    def delegation_report(self):
        """What was delegated and why not: a list of dicts, one per method (Pippin's own; ExecuTorch has no such method)."""
        return [
            {
                "method": report.name.decode(),
                "partitions": [
                    {"name": p.name.decode(), "nodes": p.node_count, "operations": p.operation_count,
                     "specification_version": p.specification_version, "weight_bytes": p.weight_size,
                     "shared": p.is_shared}
                    for p in report.partitions[: report.partition_count]
                ],
                "delegated_nodes": report.delegated_count,
                "undelegated": [
                    {"name": n.name.decode(), "target": n.target.decode(), "reason": (n.reason or b"").decode(),
                     "file": n.file.decode(), "line": n.line, "source": n.source.decode()}
                    for n in report.undelegated[: report.undelegated_count]
                ],
            }
            for report in self._edge.reports()
        ]


def _warn_of_specification_versions(edge):
    logger = logging.getLogger(_COMPILER_LOGGER)
    for report in edge.reports():
        for partition in report.partitions[: report.partition_count]:
            logger.warning(
                "%s of method '%s' has Core ML specification version %d, which older systems do not run; set "
                "minimum_deployment_target in the CoreMLPartitioner's compile specs to choose the oldest that must",
                partition.name.decode(), report.name.decode(), partition.specification_version)


class ExecutorchProgramManager:
    """A finished program: :attr:`buffer`, :meth:`write_to_file`, :meth:`save`."""

    def __init__(self, edge, methods, constant_methods, config):
        self._edge, self._methods, self._config_methods = edge, methods, constant_methods
        self._options = make_options(config or ExecutorchBackendConfig(), constant_methods, methods)
        self._buffer = None
        size = ctypes.c_uint64()  # laying the program out finds what cannot be emitted
        check(lib.ppn_edge_program_set_options(edge._handle, ctypes.byref(self._options)))
        check(lib.ppn_edge_program_size(edge._handle, ctypes.byref(size)))

    @property
    def methods(self):
        return set(self._methods)

    @property
    def config_methods(self):
        return set(self._config_methods)

    def exported_program(self, method_name="forward"):
        return self._edge.views[method_name]

    @property
    def buffer(self):
        """The `.pte` as bytes, made once."""
        if self._buffer is None:
            pieces = []
            self._edge.write(self._options, lambda piece: pieces.append(bytes(piece)))
            self._buffer = b"".join(pieces)
        return self._buffer

    def write_to_file(self, open_file):
        """Streams the `.pte` to a file opened for binary writing."""
        self._edge.write(self._options, open_file.write)

    def save(self, path):
        if not str(path).endswith(".pte"):
            raise ValueError(f"Path {path} does not end with .pte")
        with open(path, "wb") as file:
            self.write_to_file(file)

    def write_tensor_data_to_file(self, outdir):
        """Writes nothing: every tensor is in the `.pte`."""
        if not os.path.isdir(outdir or "."):
            raise FileNotFoundError(f"'{outdir}' is not a directory")

    @property
    def executorch_program(self):
        """The program as ExecuTorch's schema objects; needs the executorch package."""
        from pippin.exir._serialize._program import deserialize_pte_binary

        return deserialize_pte_binary(self.buffer).program

    def dump_executorch_program(self, verbose=False, out=None):
        """Prints the program: values, instructions and delegates; with `verbose`, the lowered graphs before it."""
        with tempfile.NamedTemporaryFile(suffix=".pte") as file:
            self.write_to_file(file)
            file.flush()
            text = call_text(lib.ppn_program_dump, os.fsencode(file.name))
        print((self._edge.dump("edge") if verbose else "") + text, file=out or sys.stdout)

    @property
    def debug_handle_map(self):
        """Empty: Pippin writes no debug handles."""
        return {}

    delegate_map = debug_handle_map
    instruction_id_to_num_outs_map = debug_handle_map

    def get_etrecord(self):
        raise RuntimeError("ETRecord was not generated")


def _sources(programs):
    if not isinstance(programs, dict):
        programs = {"forward": programs}
    return {name: make_source(program) for name, program in programs.items()}


def _refuse(name, value):
    if value:
        raise NotImplementedError(f"{name} is not supported by Pippin")


def _check_constant_methods(constant_methods):
    if isinstance(constant_methods, EdgeCompileConfig):
        raise TypeError("constant_methods is an EdgeCompileConfig; pass it as compile_config")


def to_edge_transform_and_lower(programs, transform_passes=None, partitioner=None, constant_methods=None,
                                compile_config=None, generate_etrecord=False):
    """Decomposes, partitions and lowers.

    ``programs``: a torch.export.ExportedProgram, the path or the bytes of a `.pt2`, or a dict of these by method name.
    ``partitioner``: a list with one CoreMLPartitioner, or a dict of such lists by method.
    ``constant_methods``: values by name, which become methods that return them.
    """
    _check_constant_methods(constant_methods)
    _refuse("transform_passes", transform_passes)
    _refuse("generate_etrecord", generate_etrecord)
    sources = _sources(programs)
    return EdgeProgramManager(sources, _partitioners(partitioner, sources), constant_methods=constant_methods,
                              compile_config=copy.copy(compile_config))


def to_edge(programs, constant_methods=None, compile_config=None, generate_etrecord=False):
    """Decomposes without delegating anything; :meth:`EdgeProgramManager.to_backend` then delegates."""
    _check_constant_methods(constant_methods)
    _refuse("generate_etrecord", generate_etrecord)
    sources = _sources(programs)
    return EdgeProgramManager(sources, dict.fromkeys(sources), constant_methods=constant_methods,
                              compile_config=copy.copy(compile_config), decompose_all=True)
