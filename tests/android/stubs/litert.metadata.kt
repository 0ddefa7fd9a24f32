package com.google.ai.edge.litert.support.metadata

import com.google.ai.edge.litert.support.metadata.schema.TensorMetadata
import java.io.InputStream
import java.nio.ByteBuffer

class MetadataExtractor(content: ByteBuffer) {
  class QuantizationParams(val scale: Float, val zeroPoint: Int)

  val associatedFileNames: Set<String> = emptySet()

  fun hasMetadata() = true

  fun getInputTensorShape(index: Int) = IntArray(4)

  fun getInputTensorQuantizationParams(index: Int) = QuantizationParams(0f, 0)

  fun getOutputTensorQuantizationParams(index: Int) = QuantizationParams(0f, 0)

  fun getInputTensorMetadata(index: Int): TensorMetadata? = null

  fun getOutputTensorMetadata(index: Int): TensorMetadata? = null

  fun getAssociatedFile(name: String): InputStream? = null
}
