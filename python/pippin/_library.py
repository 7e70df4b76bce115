"""The C library through ctypes: finding it, calling it, and its status values as exceptions."""

import ctypes
import ctypes.util
import logging
import os
import pathlib
import sys

from pippin._structures import FUNCTIONS, LogFunction, WriteFunction

_NAME = "libpippin.dylib" if sys.platform == "darwin" else "libpippin.so"


def _candidates():
    """Where the library may be: where the user says, beside the modules (an installed package), in the build directory
    of a source tree, or wherever the system looks."""
    here = pathlib.Path(__file__).resolve().parent
    yield here / "lib" / _NAME
    if (here.parents[1] / "CMakeLists.txt").exists():
        yield here.parents[1] / "build" / "release" / _NAME


def _find():
    named = os.environ.get("PIPPIN_LIBRARY")
    if named:
        return named
    for path in _candidates():
        if path.exists():
            return str(path)
    found = ctypes.util.find_library("pippin")
    if found:
        return found
    raise ImportError(
        f"the Pippin library ({_NAME}) was not found: install the package with pip, or set PIPPIN_LIBRARY to its path")


class _Library:
    """The library's functions as attributes; each gets its types when it is first used."""

    def __init__(self, path):
        try:
            self._handle = ctypes.CDLL(path)
        except OSError as error:
            raise ImportError(f"cannot load the Pippin library '{path}': {error}") from error

    def __getattr__(self, name):
        if name not in FUNCTIONS:
            raise AttributeError(name)
        function = getattr(self._handle, name)
        function.restype, function.argtypes = FUNCTIONS[name]
        setattr(self, name, function)
        return function


lib = _Library(_find())


# ---- Errors ----


class Error(RuntimeError):
    """An error of the library. ``code`` is the name of its status code, such as ``INVALID_DATA``. Each is also of the
    built-in exception class that fits its code: ``ValueError``, ``NotImplementedError``, ``OSError``, …"""

    code = "INTERNAL"


def _error_class(code, *bases):
    name = "".join(word.capitalize() for word in code.split("_")) + "Error"
    return type(name, (Error, *bases), {"code": code, "__module__": __name__, "__str__": lambda self: str(self.args[0])})


_ERRORS = {
    error.code: error
    for error in (
        _error_class("INVALID_ARGUMENT", ValueError),
        _error_class("NOT_FOUND", FileNotFoundError),
        _error_class("INVALID_DATA", ValueError),
        _error_class("UNSUPPORTED", NotImplementedError),
        _error_class("INCOMPATIBLE_VERSION", ValueError),
        _error_class("OUT_OF_RANGE", ValueError),
        _error_class("OUT_OF_MEMORY", MemoryError),
        _error_class("IO", OSError),
        _error_class("FAILED_PRECONDITION"),
        _error_class("MISMATCH"),
        _error_class("INTERNAL"),
    )
}
_STATUS_IO = 8


def check(status):
    """Raises the :class:`Error` of a status that is not OK, and releases it."""
    if not status:
        return
    code = lib.ppn_status_code_name(lib.ppn_status_code(status)).decode()
    message = lib.ppn_status_message(status).decode(errors="replace")
    lib.ppn_status_free(status)
    raise _ERRORS.get(code, Error)(message)


def call_out(function, *arguments):
    """Calls a function whose last parameter is an out pointer; returns what it was set to."""
    out = ctypes.c_void_p()
    check(function(*arguments, ctypes.byref(out)))
    return out.value


def call_text(function, *arguments):
    """The same for a function that gives a text, which is released."""
    text = call_out(function, *arguments)
    try:
        return ctypes.string_at(text).decode(errors="replace")
    finally:
        lib.ppn_text_free(text)


def stream(function, *arguments, write):
    """Calls a function that takes a ppn_write_function_t and its data last; its pieces go to `write(memoryview)` in order.
    What `write` raises stops the library and is raised again here."""
    failure = []

    def pass_on(_user_data, data, size):
        try:
            if size:
                write(memoryview((ctypes.c_char * size).from_address(data)))
            return None
        except BaseException as error:  # an exception cannot travel through C: it is carried around it
            failure.append(error)
            return lib.ppn_status_create(_STATUS_IO, str(error).encode())

    status = function(*arguments, WriteFunction(pass_on), None)
    if failure:
        lib.ppn_status_free(status)
        raise failure[0]
    check(status)


def version():
    return lib.ppn_version().decode()


# ---- Log ----

_LEVELS = [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR]
# Where the library's messages go: while programs are lowered, to the loggers of the modules that ExecuTorch's messages
# come from (exir.program sets it).
log_route = [logging.getLogger("pippin")]


def _forward_log(_user_data, level, message):
    log_route[-1].log(_LEVELS[level], message.decode(errors="replace"))


_log_callback = LogFunction(_forward_log)  # kept: the library holds its address
lib.ppn_log_set_callback(_log_callback, None, 1)
