package com.google.ai.edge.litert

import android.content.res.AssetManager
import java.io.Closeable

enum class Accelerator { NONE, CPU, GPU, NPU }

class Environment

class TensorBuffer : Closeable {
  fun writeFloat(data: FloatArray) {}

  fun writeInt8(data: ByteArray) {}

  fun readFloat(): FloatArray = FloatArray(0)

  fun readInt8(): ByteArray = ByteArray(0)

  override fun close() {}
}

class CompiledModel : Closeable {
  class Options(vararg accelerators: Accelerator)

  fun createInputBuffers(): List<TensorBuffer> = emptyList()

  fun createOutputBuffers(): List<TensorBuffer> = emptyList()

  fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>) {}

  override fun close() {}

  companion object {
    fun create(
      assets: AssetManager,
      file: String,
      options: Options,
      environment: Environment?,
    ) = CompiledModel()
  }
}
