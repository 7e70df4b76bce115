"""coremltools' enumerations of compute units, precisions and deployment targets, for where coremltools is not installed.

Members compare equal to coremltools' own. Wherever one is expected, coremltools' member, ours, or its name as text
("CPU_ONLY", "float16", "iOS18") will do.
"""

import sys
from enum import Enum, IntEnum


class _Counterpart(Enum):
    """Equal to the member of the same value of the enumeration that it stands for."""

    def __eq__(self, other):
        if isinstance(other, Enum) and type(other) is not type(self):
            return type(other).__name__ == _COUNTERPARTS[type(self).__name__] and other.value == self.value
        return self is other

    def __hash__(self):
        return hash(self.value)


class ComputeUnit(_Counterpart):
    ALL = 1
    CPU_AND_GPU = 2
    CPU_ONLY = 3
    CPU_AND_NE = 4


class precision(_Counterpart):
    FLOAT16 = "float16"
    FLOAT32 = "float32"


class target(IntEnum):
    """Deployment targets; the number is Core ML's specification version."""

    iOS13, iOS14, iOS15, iOS16, iOS17, iOS18, iOS26 = range(4, 11)
    macOS10_15, macOS11, macOS12, macOS13, macOS14, macOS15, macOS26 = range(4, 11)
    macOS10_16 = 5
    watchOS6, watchOS7, watchOS8, watchOS9, watchOS10, watchOS11, watchOS26 = range(4, 11)
    tvOS13, tvOS14, tvOS15, tvOS16, tvOS17, tvOS18, tvOS26 = range(4, 11)


# Our name -> the name of coremltools' class.
_COUNTERPARTS = {"ComputeUnit": "ComputeUnit", "precision": "ComputePrecision"}


def native(member):
    """coremltools' member for ours when the program uses coremltools, else ours."""
    coremltools = sys.modules.get("coremltools")
    counterpart = getattr(coremltools, type(member).__name__, None)
    return counterpart(member.value) if counterpart else member


def parse(enumeration, value, option):
    """The member of `enumeration` that `value` is, equals or names; `option` is for the message."""
    if isinstance(value, Enum):
        matches = [member for member in enumeration if member.value == value.value and member.name == value.name]
        if matches:
            return matches[0]
    elif isinstance(value, str):
        for name, member in enumeration.__members__.items():
            if value.lower() in (name.lower(), str(member.value).lower()):
                return member
    allowed = ", ".join(enumeration.__members__)
    raise ValueError(f"{option} cannot be {value!r}; expected one of {allowed}")
