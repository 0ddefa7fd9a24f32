package dev.keraslight.example

import kotlin.math.abs
import kotlin.math.exp

/** A class and the probability that the model gives it. */
data class Score(val label: String, val probability: Float)

/** Returns the real values of the integers of a quantized output. */
internal fun dequantized(values: ByteArray, scale: Float, zeroPoint: Int): FloatArray =
  FloatArray(values.size) { (values[it] - zeroPoint) * scale }

/**
 * Returns the outputs of a classifier as probabilities.
 *
 * A model that ends with a softmax returns them itself. Others return logits, which are turned into
 * probabilities here. The order of the classes is the same.
 */
internal fun probabilities(outputs: FloatArray): FloatArray {
  // rounding to int8 changes each of them by half a step of 1/256
  val tolerance = 0.01f + outputs.size / 512f
  if (outputs.all { it >= 0 && it <= 1 } && abs(outputs.sum() - 1) <= tolerance) return outputs
  val greatest = outputs.max()
  val powers = FloatArray(outputs.size) { exp(outputs[it] - greatest) }
  val sum = powers.sum()
  return FloatArray(outputs.size) { powers[it] / sum }
}

/** Returns the best classes, the best first. */
internal fun best(outputs: FloatArray, labels: List<String>, count: Int): List<Score> {
  val values = probabilities(outputs)
  return values.indices
    .sortedByDescending { values[it] }
    .take(count)
    .map { Score(labels[it], values[it]) }
}
