package android.graphics

import java.nio.Buffer

class Bitmap(val width: Int, val height: Int) {
  enum class Config { ARGB_8888 }

  fun getPixels(to: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int) {}

  fun copyPixelsFromBuffer(source: Buffer) {}

  companion object {
    fun createBitmap(width: Int, height: Int, config: Config) = Bitmap(width, height)
  }
}

class Canvas {
  fun drawRect(left: Float, top: Float, right: Float, bottom: Float, paint: Paint) {}

  fun drawText(text: String, x: Float, y: Float, paint: Paint) {}
}

object Color {
  const val BLACK = 0

  fun parseColor(text: String): Int = text.length
}

class Paint(flags: Int = 0) {
  enum class Style { STROKE, FILL }

  var style = Style.FILL
  var strokeWidth = 0f
  var textSize = 0f
  var color = 0

  fun measureText(text: String): Float = text.length * textSize

  companion object {
    const val ANTI_ALIAS_FLAG = 1
  }
}
