package dev.keraslight.example

import android.content.res.AssetManager
import android.graphics.Bitmap
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import java.io.Closeable
import java.nio.ByteBuffer

/**
 * Classifies with LiteRT's CompiledModel. Make it, use it and close it on one and the same thread.
 *
 * The buffers are created once; a sample that creates them for every frame spends its time there.
 */
class CompiledModelClassifier(
  assets: AssetManager,
  file: String,
  accelerator: Accelerator = Accelerator.CPU,
) : Closeable {
  private val info = ModelInfo(ByteBuffer.wrap(assets.open(file).use { it.readBytes() }))
  private val reader = FrameReader(info)
  private val model = CompiledModel.create(assets, file, CompiledModel.Options(accelerator), null)
  private val inputs = model.createInputBuffers()
  private val outputs = model.createOutputBuffers()

  /** Returns the best classes and their scores. */
  fun classify(frame: Bitmap, rotationDegrees: Int, count: Int = 3): List<Pair<String, Float>> {
    if (info.input.scale == 0f) {
      inputs[0].writeFloat(reader.floats(frame, rotationDegrees))
    } else {
      inputs[0].writeInt8(reader.bytes(frame, rotationDegrees))
    }
    model.run(inputs, outputs)
    val scores =
      if (info.output.scale == 0f) outputs[0].readFloat()
      else dequantized(outputs[0].readInt8(), info)
    return best(scores, info, count)
  }

  override fun close() {
    (inputs + outputs).forEach { it.close() }
    model.close()
  }
}

internal fun dequantized(values: ByteArray, info: ModelInfo): FloatArray =
  FloatArray(values.size) { (values[it] - info.output.zeroPoint) * info.output.scale }

internal fun best(scores: FloatArray, info: ModelInfo, count: Int): List<Pair<String, Float>> =
  scores.indices.sortedByDescending { scores[it] }.take(count).map { info.labels[it] to scores[it] }
