"""EdgeProgramManager and ExecutorchProgramManager: lowering in the words of ExecuTorch's Python API."""

import copy
import ctypes
import logging
import os
import sys
import tempfile

from pippin._library import call_text, check, lib
from pippin.exir._emission import make_options
from pippin.exir._source import make_source
from pippin.exir.capture import EdgeCompileConfig, ExecutorchBackendConfig
from pippin.exir.program._edge_program import PARTITIONER_LOGGER, EdgeProgram
from pippin.exir.program._passes import transform_sources

_COMPILER_LOGGER = "pippin.backends.apple.coreml.compiler.coreml_preprocess"


def _check_partitioner(partitioner):
    from pippin.exir.backend.partitioner import Partitioner

    if isinstance(partitioner, Partitioner):
        return
    kind = type(partitioner)
    official = any(base.__module__.startswith("executorch.") for base in kind.__mro__)
    raise TypeError(f"expected a partitioner of Pippin's, not {kind.__module__}.{kind.__qualname__}" + (
        "; import CoreMLPartitioner, or the Partitioner that yours derives from, from pippin instead of executorch"
        if official else ""))


def _partitioners(value, methods):
    """Lists of partitioners by method; a dict leaves the methods it does not name undelegated."""
    chosen = value if isinstance(value, dict) else {name: value for name in methods}
    unknown = set(chosen) - set(methods)
    if unknown:
        raise KeyError(f"partitioners are given for {sorted(unknown)}, but the methods are {sorted(methods)}")
    lists = {}
    for name in methods:
        entry = chosen.get(name)
        lists[name] = [] if entry is None else list(entry) if isinstance(entry, (list, tuple)) else [entry]
        for partitioner in lists[name]:
            _check_partitioner(partitioner)
    return lists


def _lower(sources, partitioners, decompose_all=False):
    """The program after all rounds. The first partitioner decides what is kept whole, unless it is written in Python."""
    first = {name: entries[0] if entries and hasattr(entries[0], "_as_structure") else None
             for name, entries in partitioners.items()}
    edge = EdgeProgram(sources, first, decompose_all)
    edge.partition({name: entries[1:] if first[name] else entries for name, entries in partitioners.items()})
    return edge


class EdgeProgramManager:
    """Programs by method name, partitioned and lowered. Made by :func:`to_edge_transform_and_lower` and :func:`to_edge`."""

    def __init__(self, sources, edge, *, constant_methods=None, compile_config=None, decompose_all=False):
        self._sources = sources
        self._config_methods = dict(constant_methods or {})
        self.compile_config = compile_config or EdgeCompileConfig()
        self._decompose_all = decompose_all
        self._edge = edge
        _warn_of_specification_versions(edge)

    @property
    def methods(self):
        return set(self._sources)

    @property
    def config_methods(self):
        return set(self._config_methods)

    def exported_program(self, method_name="forward"):
        """The lowered graph of a method, to be read like a torch.export.ExportedProgram (see pippin.exir._graph)."""
        return self._edge.views[method_name]

    def _with(self, sources, edge):
        return EdgeProgramManager(sources, edge, constant_methods=self._config_methods, compile_config=self.compile_config,
                                  decompose_all=self._decompose_all)

    def to_backend(self, partitioner):
        """A new manager: what is on the CPU goes where `partitioner`, or the one that a dict has for the method, puts it."""
        chosen = _partitioners(partitioner, self._sources)
        if any(chosen.values()) and self._decompose_all:
            logging.getLogger(PARTITIONER_LOGGER).warning(
                "DEPRECATION WARNING: the to_edge() + to_backend() workflow decomposes operators, such as attention, that "
                "Core ML computes faster as they are; use to_edge_transform_and_lower() instead")
        edge = self._edge.again()
        edge.partition(chosen)
        return self._with(self._sources, edge)

    def transform(self, passes, compile_config=None):
        """A new manager with the torch.fx passes applied to the programs: a list for all methods, or a dict of them."""
        if self._edge.is_changed:
            raise NotImplementedError(
                "Pippin applies passes to programs that are not partitioned or changed yet: call transform() before "
                "to_backend(), or pass them as transform_passes")
        sources = transform_sources(self._sources, passes, self._decompose_all)
        return self._with(sources, EdgeProgram(sources, dict.fromkeys(sources), self._decompose_all))

    def to_executorch(self, config=None):
        return ExecutorchProgramManager(self._edge, self.methods, self._config_methods, config)

    def __deepcopy__(self, memo):
        """Independent of this one; the weights, which nobody writes, are shared."""
        return self._with(self._sources, self._edge.again())

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
    ``transform_passes``: torch.fx passes that are applied before partitioning, as a list or as a dict of lists by method.
    ``partitioner``: a list of partitioners, or a dict of such lists by method. Each takes of what those before it left.
    ``constant_methods``: values by name, which become methods that return them.
    """
    _check_constant_methods(constant_methods)
    _refuse("generate_etrecord", generate_etrecord)
    sources = transform_sources(_sources(programs), transform_passes, decompose_all=False)
    return EdgeProgramManager(sources, _lower(sources, _partitioners(partitioner, sources)),
                              constant_methods=constant_methods, compile_config=copy.copy(compile_config))


def to_edge(programs, constant_methods=None, compile_config=None, generate_etrecord=False):
    """Decomposes without delegating anything; :meth:`EdgeProgramManager.to_backend` then delegates."""
    _check_constant_methods(constant_methods)
    _refuse("generate_etrecord", generate_etrecord)
    sources = _sources(programs)
    return EdgeProgramManager(sources, EdgeProgram(sources, dict.fromkeys(sources), True), constant_methods=constant_methods,
                              compile_config=copy.copy(compile_config), decompose_all=True)
