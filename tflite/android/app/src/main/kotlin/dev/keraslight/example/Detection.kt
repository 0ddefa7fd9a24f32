package dev.keraslight.example

/**
 * An object that a detector found.
 *
 * @param label the name of its class
 * @param score from 0 to 1
 * @param top of its box, in shares of the height, as the other sides
 * @param left of its box, in shares of the width
 * @param bottom of its box
 * @param right of its box
 */
data class Detection(
  val label: String,
  val score: Float,
  val top: Float,
  val left: Float,
  val bottom: Float,
  val right: Float,
)

/**
 * Returns what a file that `export_detector` wrote with `postprocessing=True` found.
 *
 * @param location its first output, four numbers for each box: top, left, bottom, right
 * @param category its second output, the index of each box's class
 * @param score its third output
 * @param count its fourth output, how many of the boxes count
 * @param labels the names of the classes
 * @param least the least score to return
 */
fun detections(
  location: FloatArray,
  category: FloatArray,
  score: FloatArray,
  count: Float,
  labels: List<String>,
  least: Float = 0.4f,
): List<Detection> =
  (0 until minOf(count.toInt(), score.size))
    .filter { score[it] >= least }
    .map {
      val place = Math.round(category[it])
      val name = labels.getOrElse(place) { "class $place" }
      val box = FloatArray(4) { side -> location[4 * it + side].coerceIn(0f, 1f) }
      Detection(name, score[it], box[0], box[1], box[2], box[3])
    }
