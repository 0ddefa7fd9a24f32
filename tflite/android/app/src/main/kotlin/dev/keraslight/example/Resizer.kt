package dev.keraslight.example

import kotlin.math.PI
import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.sin

/** How far a filter reaches, and its weight at a distance. */
private class Filter(val reach: Double, val weight: (Double) -> Double)

private fun sinc(x: Double) = if (x == 0.0) 1.0 else sin(PI * x) / (PI * x)

private fun bicubic(x: Double): Double {
  val a = -0.5
  val d = abs(x)
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  return if (d < 2) (((d - 5) * d + 8) * d - 4) * a else 0.0
}

private val FILTERS =
  mapOf(
    "box" to Filter(0.5) { if (it > -0.5 && it <= 0.5) 1.0 else 0.0 },
    "bilinear" to Filter(1.0) { maxOf(0.0, 1 - abs(it)) },
    "bicubic" to Filter(2.0, ::bicubic),
    "lanczos" to Filter(3.0) { if (it >= -3 && it < 3) sinc(it) * sinc(it / 3) else 0.0 },
  )

/** The names of the filters that a file may ask for. */
val INTERPOLATIONS = FILTERS.keys + "nearest"

/** From which input pixel on, and with which weights, each output pixel is computed. */
private class Weights(val first: IntArray, val values: Array<IntArray>) {
  companion object {
    const val BITS = 22

    fun of(size: Int, wanted: Int, interpolation: String): Weights {
      if (interpolation == "nearest") return nearest(size, wanted)
      val filter = FILTERS.getValue(interpolation)
      val scale = size / wanted.toDouble()
      val stretch = maxOf(scale, 1.0)
      val support = filter.reach * stretch
      val first = IntArray(wanted)
      val values =
        Array(wanted) { place ->
          val middle = (place + 0.5) * scale
          first[place] = maxOf(0, (middle - support + 0.5).toInt())
          val end = minOf(size, (middle + support + 0.5).toInt())
          val raw =
            DoubleArray(end - first[place]) {
              filter.weight((first[place] + it - middle + 0.5) * (1 / stretch))
            }
          val sum = raw.sum()
          IntArray(raw.size) {
            val share = (if (sum == 0.0) raw[it] else raw[it] / sum) * (1 shl BITS)
            (if (share < 0) ceil(share - 0.5) else floor(share + 0.5)).toInt()
          }
        }
      return Weights(first, values)
    }

    private fun nearest(size: Int, wanted: Int): Weights {
      val scale = size / wanted.toDouble()
      var at = scale * 0.5
      val first = IntArray(wanted) { minOf(size - 1, at.toInt()).also { at += scale } }
      return Weights(first, Array(wanted) { intArrayOf(1 shl BITS) })
    }
  }
}

/**
 * Resizes pictures of one size to another, as Pillow does: a filter as wide as the pixels that it
 * covers, weights of 22 bits, rows first. The pixels are equal to those that the model was evaluated
 * with. Weights and buffers are created once.
 */
class Resizer(from: Picture, val to: Picture, interpolation: String) {
  private val between = if (from.width == to.width) from else Picture(to.width, from.height)
  private val columns = Weights.of(from.width, to.width, interpolation)
  private val rows = Weights.of(from.height, to.height, interpolation)

  /** Resizes a picture into `to`. */
  fun resize(from: Picture) {
    var current = from
    if (from.width != to.width) {
      val target = if (from.height == to.height) to else between
      pass(from.bytes, target.bytes, columns, from.height, 3, 3 * from.width, 3 * to.width)
      current = target
    }
    if (from.height != to.height) {
      pass(current.bytes, to.bytes, rows, to.width, 3 * to.width, 3, 3)
    } else if (current !== to) {
      current.bytes.copyInto(to.bytes)
    }
  }

  private fun pass(
    from: ByteArray,
    to: ByteArray,
    weights: Weights,
    lines: Int,
    step: Int,
    lineFrom: Int,
    lineTo: Int,
  ) {
    for (place in weights.first.indices) {
      val values = weights.values[place]
      for (line in 0 until lines) {
        val source = line * lineFrom + weights.first[place] * step
        val target = line * lineTo + place * step
        for (channel in 0 until 3) {
          var sum = 1L shl (Weights.BITS - 1)
          for (i in values.indices) {
            sum += values[i].toLong() * (from[source + i * step + channel].toInt() and 255)
          }
          to[target + channel] = (sum shr Weights.BITS).coerceIn(0, 255).toByte()
        }
      }
    }
  }
}
