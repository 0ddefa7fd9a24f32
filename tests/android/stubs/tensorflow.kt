package org.tensorflow.lite

import java.nio.ByteBuffer

class Tensor {
  fun numBytes() = 0
}

class Interpreter(content: ByteBuffer, options: Options) : AutoCloseable {
  class Options {
    fun setNumThreads(threads: Int) = this
  }

  fun getInputTensor(index: Int) = Tensor()

  fun getOutputTensor(index: Int) = Tensor()

  fun run(input: Any, output: Any) {}

  override fun close() {}
}
