package dev.keraslight.example

/**
 * Turns pixels into what the model takes: `(pixel - mean) / std`, and for an integer input the code
 * of that. A pixel has 256 values, so a table for each channel holds all results.
 *
 * @param mean of each channel, of pixels from 0 to 255
 * @param std of each channel
 * @param scale of an integer input; 0 for floats
 */
class InputEncoder(mean: FloatArray, std: FloatArray, scale: Float, zeroPoint: Int) {
  private val values = Array(3) { c -> FloatArray(256) { (it - mean[c]) / std[c] } }
  private val codes =
    Array(3) { channel ->
      ByteArray(256) {
        // halves are rounded up, as in training
        val steps = if (scale == 0f) 0f else values[channel][it] / scale + 0.5f
        (Math.floor(steps.toDouble()).toInt() + zeroPoint).coerceIn(-128, 127).toByte()
      }
    }

  /** Writes the values of a picture for a float input. */
  fun write(picture: Picture, to: FloatArray) {
    for (i in to.indices) to[i] = values[i % 3][picture.bytes[i].toInt() and 255]
  }

  /** Writes the codes of a picture for an int8 input. */
  fun write(picture: Picture, to: ByteArray) {
    for (i in to.indices) to[i] = codes[i % 3][picture.bytes[i].toInt() and 255]
  }
}
