"""Products of matrices in int8."""

import string

import keras

from keraslight.compat import operation_class
from keraslight.graph.einsum import Product
from keraslight.quantization.axes import arranged, separated
from keraslight.quantization.integers import FixedPointSums, as_int8
from keraslight.quantization.linear_integers import EXACT_IN_FLOAT32
from keraslight.quantization.op import Op
from keraslight.quantization.ops.einsum_dense import matrix_of, write_dense

__all__ = ["EinsumOp", "MatmulOp", "TensordotOp"]

ops = keras.ops
# so many products of two int8 tensors have a sum that float32 holds
MOST_TERMS = EXACT_IN_FLOAT32 // 255**2


class _ProductOp(Op):
    """A product of two tensors, or of a tensor and a constant matrix."""

    def product(self, call) -> Product:
        """Returns the axes of the operands and of the result."""
        raise NotImplementedError

    def refusal(self, call):
        if len(call.args) != 2:
            return "a product has one for two tensors"
        try:
            product = self.product(call)
        except ValueError as error:
            return str(error)
        if len(call.inputs) == 1 and product.batch:
            return "a product with a constant has one for a constant matrix"
        return product.refusal()

    def rewrite(self, writer, call, first, second):
        product = self.product(call)
        if len(call.inputs) == 2:
            return self.write_product(writer, call, first, second, product)
        if not isinstance(call.args[0], keras.KerasTensor):
            first, second, product = second, first, product.swapped()
        kernel = matrix_of(second, product)
        return write_dense(writer, call, first, product, kernel, trainable=False)

    def write_product(self, writer, call, first, second, product):
        """Writes the product of two tensors."""
        sizes = dict(zip(product.first, first.tensor.shape, strict=True))
        sizes |= dict(zip(product.second, second.tensor.shape, strict=True))
        batch = tuple(product.batch)
        tensor = ops.matmul(
            arranged(first.tensor, product.first, (*batch, product.left, product.contracted)),
            arranged(second.tensor, product.second, (*batch, product.contracted, product.right)),
        )
        value = writer.output(call, tensor)
        groups = (*batch, product.left, product.right)
        return value.with_tensor(separated(value.tensor, groups, sizes, product.output))


class MatmulOp(_ProductOp):
    """`keras.ops.matmul`: of two tensors, or of a tensor and a constant matrix.

    XNNPACK takes the product if the zero point of the second tensor is 0. Otherwise LiteRT sums up
    in int32 and rounds twice. With a constant it is a Dense.
    """

    classes = (operation_class("Matmul"),)

    def product(self, call):
        first, second = (len(x.shape) for x in call.args)
        if min(first, second) < 2:
            raise ValueError("a product of a matrix and a vector has none")
        *batch, rows, inner, columns = string.ascii_letters[: max(first, second) + 1]
        batch = "".join(batch)
        of_first, of_second = (batch[len(batch) - rank + 2 :] for rank in (first, second))
        return Product(of_first + rows + inner, of_second + inner + columns, batch + rows + columns)

    def write_product(self, writer, call, first, second, product):
        return writer.output(call, writer.copy(call, first, second))

    def integer(self, call, first, second):
        first, second = as_int8(first), as_int8(second)
        smooth = ops.matmul(first.steps, second.steps)
        sums = smooth
        if first.steps.shape[-1] > MOST_TERMS:
            sums = _sums_of_parts(first.steps, second.steps)
        # both kernels take the product of the scales in single precision
        scale = first.grid.scale * second.grid.scale
        by_xnnpack = ops.equal(second.grid.zero_point, 0.0)
        return FixedPointSums(sums, (scale,), smooth, by_xnnpack)


def _sums_of_parts(first, second):
    """Returns a product of matrices in int32, from parts whose sums float32 holds."""
    starts = range(0, first.shape[-1], MOST_TERMS)
    parts = [
        ops.matmul(first[..., i : i + MOST_TERMS], second[..., i : i + MOST_TERMS, :])
        for i in starts
    ]
    return sum(ops.cast(part, "int32") for part in parts)


class EinsumOp(_ProductOp):
    """`keras.ops.einsum` of two tensors, or of one and a constant, if it is a product of matrices.

    It is written as transpositions and one product of matrices.
    """

    classes = (operation_class("Einsum"),)

    def product(self, call):
        first, second = call.args
        return Product.of(call.operation.subscripts, len(first.shape), len(second.shape))


class TensordotOp(_ProductOp):
    """`keras.ops.tensordot` of a tensor and a constant: transpositions and a Dense."""

    classes = (operation_class("Tensordot"),)

    def refusal(self, call):
        if len(call.inputs) != 1:
            return "tensordot has one with a constant; use matmul or einsum"
        return super().refusal(call)

    def product(self, call):
        ranks = (len(x.shape) for x in call.args)
        return Product.of_tensordot(call.operation.axes, *ranks)
