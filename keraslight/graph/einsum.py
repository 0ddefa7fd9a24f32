"""The axes of a product of two tensors, as `einsum` names them by letters."""

import string
from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """An equation of `einsum` for two tensors, one letter for each axis.

    Attributes:
        first, second, output: str, the axes of the two tensors and of the result.
    """

    first: str
    second: str
    output: str

    @classmethod
    def of(cls, equation: str, first_rank: int, second_rank: int) -> "Product":
        """Reads an equation. An ellipsis in it becomes letters of its own.

        Raises:
            ValueError: if the equation is not one of two tensors with an explicit output.
        """
        inputs, arrow, output = equation.replace(" ", "").partition("->")
        operands = inputs.split(",")
        if not arrow or len(operands) != 2:
            raise ValueError(f"it needs two tensors and '->'; equation={equation!r}")
        ranks = first_rank, second_rank
        hidden = [
            rank - len(operand) + 3 if "..." in operand else 0
            for operand, rank in zip(operands, ranks, strict=True)
        ]
        unused = [x for x in string.ascii_letters if x not in equation]
        letters = "".join(unused[: max(hidden)])
        named = [
            operand.replace("...", letters[len(letters) - count :])
            for operand, count in zip(operands, hidden, strict=True)
        ]
        return cls(*named, output.replace("...", letters))

    @classmethod
    def of_tensordot(cls, axes: int | tuple, first_rank: int, second_rank: int) -> "Product":
        """Returns the product that `keras.ops.tensordot` computes.

        Args:
            axes: how many axes it sums over, or which ones of each tensor.
            first_rank, second_rank: the numbers of axes of the tensors.
        """
        if isinstance(axes, int):
            axes = range(first_rank - axes, first_rank), range(axes)
        of_first, of_second = ([x] if isinstance(x, int) else list(x) for x in axes)
        first = string.ascii_letters[:first_rank]
        second = list(string.ascii_letters[first_rank : first_rank + second_rank])
        for one, other in zip(of_first, of_second, strict=True):
            second[other] = first[one]
        second = "".join(second)
        output = "".join(x for x in first + second if (x in first) != (x in second))
        return cls(first, second, output)

    def swapped(self) -> "Product":
        """Returns the product with its tensors in the other order."""
        return Product(self.second, self.first, self.output)

    @property
    def batch(self) -> str:
        """The axes that both tensors and the result have."""
        return "".join(x for x in self.output if x in self.first and x in self.second)

    @property
    def contracted(self) -> str:
        """The axes that are summed over."""
        return "".join(x for x in self.first if x in self.second and x not in self.output)

    @property
    def left(self) -> str:
        """The axes that only the first tensor and the result have."""
        return "".join(x for x in self.first if x in self.output and x not in self.second)

    @property
    def right(self) -> str:
        """The axes that only the second tensor and the result have."""
        return "".join(x for x in self.second if x in self.output and x not in self.first)

    def refusal(self) -> str | None:
        """Returns why the product is no matrix product, or `None` if it is one."""
        for axes in (self.first, self.second, self.output):
            if len(set(axes)) < len(axes):
                return f"it takes a diagonal: {axes} has an axis twice"
        used = self.batch + self.contracted + self.left + self.right
        alone = (set(self.first) | set(self.second)) - set(used)
        if alone:
            return f"it sums over an axis of one tensor: {', '.join(sorted(alone))}"
        if not self.contracted:
            return "it sums over no axis"
        return None
