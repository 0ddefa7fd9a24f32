package dev.keraslight.example

import android.content.res.AssetManager
import android.graphics.Bitmap
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import java.io.Closeable
import java.nio.ByteBuffer

/**
 * Classifies with LiteRT's `CompiledModel`. Create it, use it and close it on the same thread.
 *
 * The buffers are created once. Creating them for every frame takes more time than the model.
 *
 * @param accelerators the first that is available is used. `Accelerator.GPU` alone throws an error
 *   where there is no GPU; with `Accelerator.CPU` after it the CPU is used without notice.
 */
class CompiledModelClassifier(
  assets: AssetManager,
  file: String,
  vararg accelerators: Accelerator = arrayOf(Accelerator.CPU),
) : Closeable {
  private val info = ModelInfo(ByteBuffer.wrap(assets.open(file).use { it.readBytes() }))
  private val reader = FrameReader(info)
  private val model =
    CompiledModel.create(assets, file, CompiledModel.Options(*accelerators), null)
  private val inputs = model.createInputBuffers()
  private val outputs = model.createOutputBuffers()

  /** Returns the best classes, the best first. */
  fun classify(frame: Bitmap, rotationDegrees: Int, count: Int = 3): List<Score> {
    if (info.input.scale == 0f) {
      inputs[0].writeFloat(reader.floats(frame, rotationDegrees))
    } else {
      inputs[0].writeInt8(reader.bytes(frame, rotationDegrees))
    }
    model.run(inputs, outputs)
    val values =
      if (info.output.scale == 0f) outputs[0].readFloat()
      else dequantized(outputs[0].readInt8(), info.output.scale, info.output.zeroPoint)
    return best(values, info.labels, count)
  }

  override fun close() {
    (inputs + outputs).forEach { it.close() }
    model.close()
  }
}
