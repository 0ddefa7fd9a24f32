"""Reads a pickle as data: its instructions are interpreted here, so nothing in it can be run.

The `pickle` module is not used. Of what a pickle may ask for by name only PyTorch's tensors and
ordered dicts are known; anything else, a function to call above all, is refused by that name.
"""

import pickletools
from typing import NamedTuple

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


class Name(NamedTuple):
    """Something a pickle refers to by module and name; a mere label, which cannot be called."""

    name: str


class Storage(NamedTuple):
    """A reference to raw values, which several tensors may share."""

    dtype: str
    key: str
    offset: int
    size: int


class Tensor(NamedTuple):
    """A view of a storage; offset and strides are counted in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_pickle(stream, storages: list | None = None):
    """Reads one pickle from a binary stream, which is left just behind it.

    Args:
        stream: a seekable binary stream.
        storages: optional list, to which every `Storage` that the pickle refers to is added.

    Returns:
        What was pickled, made of dicts, lists, tuples, numbers, strings, `None`, `Storage`s and
        `Tensor`s.

    Raises:
        ValueError: if the pickle asks for anything else, or is damaged.
    """
    reader = _PickleReader([] if storages is None else storages)
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name == "STOP":
            return reader.pop()
        reader.step(opcode.name, argument)
    raise ValueError("The pickle ends too early.")


class _PickleReader:
    """The stack and the memory of a pickle, and what its instructions do to them."""

    def __init__(self, storages):
        self.stack = []
        self.memo = {}
        self.storages = storages

    def step(self, opcode, argument):
        push = self.stack.append
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case _ if opcode in ARGUMENT_IS_THE_VALUE:
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
                push(_build(*[self.pop(), self.pop()][::-1]))
            case "BUILD":
                # attributes of an ordered dict: PyTorch's notes on the versions of its modules
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


def _name(module, name):
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("The pickle refers to something that is not a name.")
    name = f"{module}.{name}"
    if name not in KNOWN:
        raise ValueError(f"The pickle asks for {name[:200]}, which has no place in a checkpoint.")
    return Name(name)


def _build(function, arguments):
    if isinstance(function, Name) and isinstance(arguments, tuple):
        if function.name in TENSOR_BUILDERS:
            return _tensor(*arguments[:4])
        if function.name == PARAMETER_BUILDER and isinstance(arguments[0], Tensor):
            return arguments[0]
        if function.name == ORDERED_DICT:
            items = {}
            for pair in arguments[0] if arguments else ():
                _update(items, pair)
            return items
    raise ValueError("The pickle calls something in a way that PyTorch does not.")


def _update(items, keys_and_values):
    if len(keys_and_values) % 2:
        raise ValueError("The pickle has a key without a value.")
    for key, value in zip(keys_and_values[::2], keys_and_values[1::2], strict=True):
        # a key that is a nest of tuples may take ages to hash
        if not isinstance(key, str | int):
            raise ValueError("The pickle has a dict whose keys are neither strings nor numbers.")
        items[key] = value


def _storage(reference):
    kind, dtype, key, _, size, *view = reference
    if kind != "storage" or not isinstance(dtype, Name) or dtype.name not in STORAGE_DTYPES:
        raise ValueError("The pickle refers to values outside of it in an unknown way.")
    offset = 0
    if view and view[0] is not None:
        _, offset, size = view[0]
    if not isinstance(key, str) or not _are_counts(offset, size):
        raise ValueError("The pickle refers to values outside of it in an unknown way.")
    return Storage(STORAGE_DTYPES[dtype.name], key, offset, size)


def _tensor(storage, offset, shape, strides):
    if (
        not isinstance(storage, Storage)
        or not _are_counts(offset, *shape, *strides)
        or len(shape) != len(strides)
    ):
        raise ValueError("The pickle has a tensor of no sensible form.")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _are_counts(*numbers):
    return all(type(number) is int and number >= 0 for number in numbers)
