package dev.keraslight.example

import android.graphics.Bitmap

/** Turns camera frames into what a model takes. Buffers are created once for a size of frames. */
class FrameReader(private val info: ModelInfo) {
  private val encoder =
    InputEncoder(info.mean, info.std, info.input.scale, info.input.zeroPoint)
  private val floats = FloatArray(3 * info.width * info.height)
  private val bytes = ByteArray(floats.size)
  private var pixels = IntArray(0)
  private var turned = Picture(0, 0)

  /** Returns a frame for a float input. The array is the same every time. */
  fun floats(frame: Bitmap, rotationDegrees: Int): FloatArray =
    floats.also { encoder.write(fitted(frame, rotationDegrees), it) }

  /** Returns a frame for an int8 input. The array is the same every time. */
  fun bytes(frame: Bitmap, rotationDegrees: Int): ByteArray =
    bytes.also { encoder.write(fitted(frame, rotationDegrees), it) }

  private fun fitted(frame: Bitmap, rotationDegrees: Int): Picture {
    val (width, height) = frame.width to frame.height
    if (pixels.size != width * height) pixels = IntArray(width * height)
    frame.getPixels(pixels, 0, width, 0, 0, width, height)
    val sideways = rotationDegrees % 180 != 0
    val (turnedWidth, turnedHeight) = if (sideways) height to width else width to height
    if (turned.width != turnedWidth || turned.height != turnedHeight) {
      turned = Picture(turnedWidth, turnedHeight)
    }
    turned(pixels, width, height, rotationDegrees, turned)
    return info.preprocessing.fitted(turned)
  }
}
