package dev.keraslight.example

import android.content.res.AssetManager
import android.graphics.Bitmap
import com.google.ai.edge.litert.Accelerator
import java.io.Closeable
import java.nio.ByteBuffer

/**
 * Classifies with LiteRT's `CompiledModel`. Create it, use it and close it on the same thread.
 *
 * @param wanted what should run the file. Where it cannot, the CPU does, and `runner.fallback` says
 *   why.
 */
class CompiledModelClassifier(
  assets: AssetManager,
  file: String,
  wanted: Accelerator = Accelerator.CPU,
) : Closeable {
  private val info = ModelInfo(ByteBuffer.wrap(assets.open(file).use { it.readBytes() }))
  private val reader = FrameReader(info)
  val runner = ModelRunner.open(assets, file, wanted)

  /** Returns the best classes, the best first. */
  fun classify(frame: Bitmap, rotationDegrees: Int, count: Int = 3): List<Score> {
    val input = runner.inputs[0]
    if (info.input.scale == 0f) input.writeFloat(reader.floats(frame, rotationDegrees))
    else input.writeInt8(reader.bytes(frame, rotationDegrees))
    runner.run()
    val output = runner.outputs[0]
    val values =
      if (info.output.scale == 0f) output.readFloat()
      else dequantized(output.readInt8(), info.output.scale, info.output.zeroPoint)
    return best(values, info.labels, count)
  }

  override fun close() = runner.close()
}
