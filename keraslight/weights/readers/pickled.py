"""Reads a pickle as data, without running anything in it.

A pickle is a list of instructions. The `pickle` module is not used: `_PickleReader` interprets the
instructions that `torch.save` writes. A pickle may ask for objects by name. Only PyTorch's tensors
and ordered dicts are known here; the reader refuses every other name, such as a function to call.
"""

import pickletools
from typing import NamedTuple

from keraslight.bounds import Budget
from keraslight.text import printable

TENSOR_BUILDERS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
PARAMETER_BUILDER = "torch._utils._rebuild_parameter"
ORDERED_DICT = "collections.OrderedDict"
STORAGE_DTYPES = {
    "torch.FloatStorage": "float32",
    "torch.DoubleStorage": "float64",
    "torch.HalfStorage": "float16",
    "torch.BFloat16Storage": "bfloat16",
    "torch.LongStorage": "int64",
    "torch.IntStorage": "int32",
    "torch.ShortStorage": "int16",
    "torch.CharStorage": "int8",
    "torch.ByteStorage": "uint8",
    "torch.BoolStorage": "bool",
}
KNOWN = {*TENSOR_BUILDERS, PARAMETER_BUILDER, ORDERED_DICT, *STORAGE_DTYPES}

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
ARGUMENT_IS_THE_VALUE = {
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES"),
}
TUPLE_SIZES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
MARK = object()
# no tensor has more axes, no number in a checkpoint more bytes (the file's magic number has 10)
MAX_AXES = 16
MAX_NUMBER = 2**80


class Name(NamedTuple):
    """Something that a pickle refers to by module and name. It is a label, nothing to call."""

    name: str


class Storage(NamedTuple):
    """A reference to raw values, which several tensors may share."""

    dtype: str
    key: str
    offset: int
    size: int


class Tensor(NamedTuple):
    """A view of a storage. Offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_pickle(stream, budget: Budget, storages: list | None = None):
    """Reads one pickle from a binary stream and leaves the stream just behind it.

    Args:
        stream: a seekable binary stream.
        budget: pays for every instruction.
        storages: optional list. Every `Storage` that the pickle refers to is added to it.

    Returns:
        What was pickled, made of dicts, lists, tuples, numbers, strings, `None`, `Storage`s and
        `Tensor`s.

    Raises:
        ValueError: if the pickle asks for anything else, is damaged, or costs more than the budget
            allows.
    """
    reader = _PickleReader(budget, [] if storages is None else storages)
    for opcode, argument, _ in pickletools.genops(stream):
        budget.spend(operations=1)
        if opcode.name == "STOP":
            return reader.pop()
        reader.step(opcode.name, argument)
    raise ValueError("The pickle ends too early.")


class _PickleReader:
    """The stack and the memory of a pickle, and what its instructions do to them.

    An instruction pushes or takes what it finds on the stack, which costs no more than the
    instructions that put it there. An instruction that looks at all items of one object pays for
    each of them: the pickle may recall the same object again and again.
    """

    def __init__(self, budget, storages):
        self.budget = budget
        self.stack = []
        self.memo = {}
        self.storages = storages

    def step(self, opcode, argument):
        push = self.stack.append
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case _ if opcode in ARGUMENT_IS_THE_VALUE:
                if type(argument) is int and abs(argument) >= MAX_NUMBER:
                    raise ValueError("The pickle has a number that is too large.")
                push(argument)
            case _ if opcode in CONSTANTS:
                push(CONSTANTS[opcode])
            case "MARK":
                push(MARK)
            case "TUPLE":
                push(tuple(self.pop_to_mark()))
            case _ if opcode in TUPLE_SIZES:
                push(tuple([self.pop() for _ in range(TUPLE_SIZES[opcode])][::-1]))
            case "EMPTY_LIST":
                push([])
            case "APPEND":
                self.extend([self.pop()])
            case "APPENDS":
                self.extend(self.pop_to_mark())
            case "EMPTY_DICT":
                push({})
            case "SETITEM":
                self.update([self.pop(), self.pop()][::-1])
            case "SETITEMS":
                self.update(self.pop_to_mark())
            case "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.top(object)
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.top(object)
            case "BINGET" | "LONG_BINGET":
                push(self.recall(argument))
            case "GLOBAL":
                push(_name(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                push(_name(*[self.pop(), self.pop()][::-1]))
            case "REDUCE":
                push(self.build(*[self.pop(), self.pop()][::-1]))
            case "BUILD":
                # attributes of an ordered dict: the versions of PyTorch's modules
                self.pop()
                self.top(dict)
            case "BINPERSID":
                push(_storage(self.pop()))
                self.storages.append(self.stack[-1])
            case _:
                raise ValueError(f"A checkpoint has no use for the pickle instruction {opcode}.")

    def pop(self):
        if not self.stack:
            raise ValueError("The pickle takes more from its stack than is there.")
        return self.stack.pop()

    def pop_to_mark(self):
        items = []
        while (item := self.pop()) is not MARK:
            items.append(item)
        return items[::-1]

    def top(self, kind):
        if not self.stack or self.stack[-1] is MARK or not isinstance(self.stack[-1], kind):
            raise ValueError("The pickle's instructions do not fit together.")
        return self.stack[-1]

    def extend(self, items):
        self.top(list).extend(items)

    def update(self, keys_and_values):
        _update(self.top(dict), keys_and_values)

    def recall(self, index):
        if index not in self.memo:
            raise ValueError("The pickle refers to something that it did not define.")
        return self.memo[index]

    def build(self, function, arguments):
        if type(function) is Name and type(arguments) is tuple:
            if function.name in TENSOR_BUILDERS:
                return _tensor(*arguments[:4])
            if function.name == PARAMETER_BUILDER and arguments and type(arguments[0]) is Tensor:
                return arguments[0]
            if function.name == ORDERED_DICT:
                return self.ordered_dict(*arguments[:1])
        raise ValueError("The pickle calls something in a way that PyTorch does not.")

    def ordered_dict(self, pairs=()):
        if type(pairs) not in (list, tuple):
            raise ValueError("The pickle has an ordered dict of something other than pairs.")
        self.budget.spend(operations=len(pairs))
        items = {}
        for pair in pairs:
            if type(pair) not in (list, tuple) or len(pair) != 2:
                raise ValueError("The pickle has an ordered dict of something other than pairs.")
            _update(items, pair)
        return items


def _name(module, name):
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("The pickle refers to something that is not a name.")
    name = f"{module}.{name}"
    if name not in KNOWN:
        raise ValueError(
            f"The pickle asks for {printable(name)}, which has no place in a checkpoint."
        )
    return Name(name)


def _update(items, keys_and_values):
    if len(keys_and_values) % 2:
        raise ValueError("The pickle has a key without a value.")
    for key, value in zip(keys_and_values[::2], keys_and_values[1::2], strict=True):
        # hashing a key that is a nest of tuples may take forever
        if not isinstance(key, str | int):
            raise ValueError("The pickle has a dict whose keys are neither strings nor numbers.")
        items[key] = value


def _storage(reference):
    # ("storage", type, key, device, size), and in the oldest files the part that a tensor sees
    unknown = ValueError("The pickle refers to values outside of it in an unknown way.")
    if type(reference) is not tuple or len(reference) not in (5, 6):
        raise unknown
    kind, dtype, key, _, size = reference[:5]
    offset = 0
    if len(reference) == 6 and reference[5] is not None:
        if type(reference[5]) is not tuple or len(reference[5]) != 3:
            raise unknown
        _, offset, size = reference[5]
    if kind != "storage" or type(dtype) is not Name or dtype.name not in STORAGE_DTYPES:
        raise unknown
    if type(key) is not str or not _are_counts(offset, size):
        raise unknown
    return Storage(STORAGE_DTYPES[dtype.name], key, offset, size)


def _tensor(storage, offset, shape, strides):
    if (
        type(storage) is not Storage
        or type(shape) is not tuple
        or type(strides) is not tuple
        or not len(shape) == len(strides) <= MAX_AXES
        or not _are_counts(offset, *shape, *strides)
    ):
        raise ValueError("The pickle has a tensor of no sensible form.")
    return Tensor(storage, offset, shape, strides)


def _are_counts(*numbers):
    return all(type(number) is int and 0 <= number < 2**63 for number in numbers)
