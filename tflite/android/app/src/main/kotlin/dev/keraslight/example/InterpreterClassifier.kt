package dev.keraslight.example

import android.content.res.AssetManager
import android.graphics.Bitmap
import java.io.Closeable
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel
import org.tensorflow.lite.Interpreter

/**
 * Classifies with the older `Interpreter`, on the CPU. Use it on one thread at a time.
 *
 * The file is mapped, not copied: see `noCompress` in build.gradle.kts.
 */
class InterpreterClassifier(assets: AssetManager, file: String, threads: Int = 2) : Closeable {
  private val content: ByteBuffer =
    assets.openFd(file).use { asset ->
      FileInputStream(asset.fileDescriptor).channel.map(
        FileChannel.MapMode.READ_ONLY, asset.startOffset, asset.declaredLength)
    }
  private val info = ModelInfo(content)
  private val reader = FrameReader(info)
  private val interpreter = Interpreter(content, Interpreter.Options().setNumThreads(threads))
  private val input = buffer(interpreter.getInputTensor(0).numBytes())
  private val output = buffer(interpreter.getOutputTensor(0).numBytes())
  private val scores = FloatArray(info.labels.size)
  private val codes = ByteArray(info.labels.size)

  /** Returns the best classes, the best first. */
  fun classify(frame: Bitmap, rotationDegrees: Int, count: Int = 3): List<Score> {
    input.rewind()
    if (info.input.scale == 0f) {
      input.asFloatBuffer().put(reader.floats(frame, rotationDegrees))
    } else {
      input.put(reader.bytes(frame, rotationDegrees))
    }
    output.rewind()
    interpreter.run(input, output)
    output.rewind()
    if (info.output.scale == 0f) {
      output.asFloatBuffer().get(scores)
      return best(scores, info.labels, count)
    }
    output.get(codes)
    return best(dequantized(codes, info.output.scale, info.output.zeroPoint), info.labels, count)
  }

  private fun buffer(bytes: Int): ByteBuffer =
    ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder())

  override fun close() = interpreter.close()
}
