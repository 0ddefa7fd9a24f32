package dev.keraslight.example

import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Matrix
import android.graphics.Paint

/**
 * Turns camera frames into what a model takes. Everything is allocated once.
 *
 * Rotating, scaling and cropping are one drawing operation.
 */
class FrameReader(private val info: ModelInfo) {
  private val bitmap = Bitmap.createBitmap(info.width, info.height, Bitmap.Config.ARGB_8888)
  private val canvas = Canvas(bitmap)
  private val matrix = Matrix()
  private val paint = Paint(Paint.FILTER_BITMAP_FLAG)
  private val pixels = IntArray(info.width * info.height)
  private val floats = FloatArray(3 * pixels.size)
  private val bytes = ByteArray(3 * pixels.size)

  // (pixel - mean) / std, and for an integer input also / scale + zero point, as a * pixel + b
  private val factor = FloatArray(3) { 1 / (info.std[it] * step()) }
  private val offset = FloatArray(3) { info.input.zeroPoint - info.mean[it] * factor[it] }

  private fun step() = if (info.input.scale == 0f) 1f else info.input.scale

  /** Returns a frame for a float input. The array is the same every time. */
  fun floats(frame: Bitmap, rotationDegrees: Int): FloatArray {
    draw(frame, rotationDegrees)
    var place = 0
    for (pixel in pixels) {
      floats[place++] = factor[0] * (pixel shr 16 and 255) + offset[0]
      floats[place++] = factor[1] * (pixel shr 8 and 255) + offset[1]
      floats[place++] = factor[2] * (pixel and 255) + offset[2]
    }
    return floats
  }

  /**
   * Returns a frame for an int8 input. The array is the same every time.
   *
   * If the file was converted with `--raw_pixels`, factor is 1 and offset -128.
   */
  fun bytes(frame: Bitmap, rotationDegrees: Int): ByteArray {
    draw(frame, rotationDegrees)
    var place = 0
    for (pixel in pixels) {
      bytes[place++] = quantized(factor[0] * (pixel shr 16 and 255) + offset[0])
      bytes[place++] = quantized(factor[1] * (pixel shr 8 and 255) + offset[1])
      bytes[place++] = quantized(factor[2] * (pixel and 255) + offset[2])
    }
    return bytes
  }

  private fun quantized(value: Float): Byte =
    Math.floor(value + 0.5).toInt().coerceIn(-128, 127).toByte()

  private fun draw(frame: Bitmap, rotationDegrees: Int) {
    val turned = rotationDegrees % 180 != 0
    val width = if (turned) frame.height else frame.width
    val height = if (turned) frame.width else frame.height
    val region = info.preprocessing.region(width, height)
    matrix.reset()
    matrix.postTranslate(-frame.width / 2f, -frame.height / 2f)
    matrix.postRotate(rotationDegrees.toFloat())
    matrix.postScale(info.width / region.width, info.height / region.height)
    matrix.postTranslate(info.width / 2f, info.height / 2f)
    canvas.drawColor(Color.BLACK) // where the region is larger than the frame
    canvas.drawBitmap(frame, matrix, paint)
    bitmap.getPixels(pixels, 0, info.width, 0, 0, info.width, info.height)
  }
}
