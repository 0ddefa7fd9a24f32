package dev.keraslight.example

private fun area(box: Detection) =
  maxOf(0f, box.bottom - box.top) * maxOf(0f, box.right - box.left)

/** Returns the area of the intersection of two boxes over that of their union. */
fun intersectionOverUnion(a: Detection, b: Detection): Float {
  val height = minOf(a.bottom, b.bottom) - maxOf(a.top, b.top)
  val width = minOf(a.right, b.right) - maxOf(a.left, b.left)
  if (height <= 0 || width <= 0) return 0f
  val shared = height * width
  return shared / (area(a) + area(b) - shared)
}

/**
 * Returns the best boxes, the best first, without those that overlap a better one of their class.
 *
 * For files of detectors that end with boxes and scores, without `TFLite_Detection_PostProcess`.
 *
 * @param overlap boxes of a class that have more in common than this are one object
 * @param least boxes with a lower score are left out
 * @param most how many boxes are returned at most
 */
fun bestBoxes(
  boxes: List<Detection>,
  overlap: Float = 0.5f,
  least: Float = 0f,
  most: Int = 100,
): List<Detection> {
  val kept = mutableListOf<Detection>()
  for (box in boxes.filter { it.score >= least }.sortedByDescending { it.score }) {
    if (kept.size == most) break
    if (kept.none { it.label == box.label && intersectionOverUnion(it, box) > overlap }) kept += box
  }
  return kept
}
