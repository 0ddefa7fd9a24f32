package dev.keraslight.example

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64

/** Runs the parts of the app that need no Android on the cases of a file, one a line. */
fun main(arguments: Array<String>) {
  File(arguments[0]).forEachLine { line ->
    val (name, rest) = line.split("\t").let { it[0] to it.drop(1) }
    println(
      when (name) {
        "fit" -> fit(rest)
        "turn" -> turn(rest)
        "encode" -> encode(rest)
        "probabilities" -> probabilities(floats(rest[0])).joinToString(",")
        "boxes" -> boxes(rest)
        else -> throw IllegalArgumentException(name)
      }
    )
  }
}

private fun floats(text: String) = text.split(",").map { it.toFloat() }.toFloatArray()

private fun bytes(text: String): ByteArray = Base64.getDecoder().decode(text)

private fun text(bytes: ByteArray): String = Base64.getEncoder().encodeToString(bytes)

private fun picture(fields: List<String>) =
  Picture(fields[0].toInt(), fields[1].toInt(), bytes(fields[2]))

private fun fit(fields: List<String>): String {
  val preprocessing = Preprocessing.parse(fields[2], fields[0].toInt(), fields[1].toInt())
  val source = picture(fields.drop(3))
  // twice, because buffers are used again
  preprocessing.fitted(Picture(source.width, source.height))
  return text(preprocessing.fitted(source).bytes)
}

private fun turn(fields: List<String>): String {
  val degrees = fields[0].toInt()
  val source = picture(fields.drop(1))
  val pixels =
    IntArray(source.width * source.height) {
      (0 until 3).fold(255) { sum, c -> sum shl 8 or (source.bytes[3 * it + c].toInt() and 255) }
    }
  val sideways = degrees % 180 != 0
  val to =
    if (sideways) Picture(source.height, source.width) else Picture(source.width, source.height)
  turned(pixels, source.width, source.height, degrees, to)
  return text(to.bytes)
}

private fun encode(fields: List<String>): String {
  val scale = fields[2].toFloat()
  val encoder = InputEncoder(floats(fields[0]), floats(fields[1]), scale, fields[3].toInt())
  val source = picture(fields.drop(4))
  if (scale != 0f) return text(ByteArray(source.bytes.size).also { encoder.write(source, it) })
  val values = FloatArray(source.bytes.size).also { encoder.write(source, it) }
  val buffer = ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN)
  values.forEach { buffer.putFloat(it) }
  return text(buffer.array())
}

private fun boxes(fields: List<String>): String {
  val all =
    fields[3].split(";").map { box ->
      val (label, numbers) = box.split(":").let { it[0] to floats(it[1]) }
      Detection(label, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4])
    }
  val kept = bestBoxes(all, fields[0].toFloat(), fields[1].toFloat(), fields[2].toInt())
  return kept.joinToString(",") { all.indexOf(it).toString() }
}
