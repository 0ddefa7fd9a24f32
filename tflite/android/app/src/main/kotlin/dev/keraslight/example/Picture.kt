package dev.keraslight.example

/** A picture: rows of pixels of three bytes each, red, green and blue. */
class Picture(val width: Int, val height: Int, val bytes: ByteArray = ByteArray(3 * width * height))

/**
 * Writes the pixels of a frame into a picture, turned clockwise.
 *
 * @param pixels ARGB, as `Bitmap.getPixels` returns them
 * @param degrees 0, 90, 180 or 270
 * @param to of the size of the turned frame
 */
fun turned(pixels: IntArray, width: Int, height: Int, degrees: Int, to: Picture) {
  var place = 0
  for (y in 0 until to.height) {
    for (x in 0 until to.width) {
      val pixel =
        when (degrees) {
          90 -> pixels[(height - 1 - x) * width + y]
          180 -> pixels[(height - 1 - y) * width + width - 1 - x]
          270 -> pixels[x * width + width - 1 - y]
          else -> pixels[y * width + x]
        }
      to.bytes[place++] = (pixel shr 16).toByte()
      to.bytes[place++] = (pixel shr 8).toByte()
      to.bytes[place++] = pixel.toByte()
    }
  }
}

/** Writes the middle of a picture into another, black where that is larger. */
fun centre(from: Picture, to: Picture) {
  // halves are rounded to even, as in Python
  val top = Math.rint((from.height - to.height) / 2.0).toInt()
  val left = Math.rint((from.width - to.width) / 2.0).toInt()
  val begin = maxOf(0, -left)
  val end = minOf(to.width, from.width - left)
  to.bytes.fill(0)
  for (y in maxOf(0, -top) until minOf(to.height, from.height - top)) {
    val source = 3 * ((y + top) * from.width + begin + left)
    from.bytes.copyInto(to.bytes, 3 * (y * to.width + begin), source, source + 3 * (end - begin))
  }
}
