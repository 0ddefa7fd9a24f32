package dev.keraslight.example

import org.json.JSONArray
import org.json.JSONObject

/** The part of a picture that the model sees, in pixels of the picture, around its centre. */
data class Region(val width: Float, val height: Float)

/**
 * How a picture is resized and cropped, as the file `preprocessing.json` in the metadata says it.
 *
 * The same as `Preprocessing` in Python.
 *
 * @param width of the model's input
 * @param height of the model's input
 * @param resizedHeight of the picture before it is cropped; 0 if its shorter side is given
 * @param resizedWidth of the picture before it is cropped; 0 if its shorter side is given
 * @param shorterSide of the picture before it is cropped
 * @param crop pixels that are cut from the resized picture; 0 for those of the input
 * @param cropShare share that is cut from the picture and resized to the input; 0 for none
 */
class Preprocessing(
  private val width: Int,
  private val height: Int,
  private val resizedHeight: Int = 0,
  private val resizedWidth: Int = 0,
  private val shorterSide: Int = Math.rint(minOf(width, height) / CROP_SHARE).toInt(),
  private val crop: Int = 0,
  private val cropShare: Float = 0f,
) {
  /** Returns the region of a picture that is scaled to the input. */
  fun region(pictureWidth: Int, pictureHeight: Int): Region {
    if (cropShare > 0) return Region(pictureWidth * cropShare, pictureHeight * cropShare)
    val cutWidth = if (crop > 0) crop else width
    val cutHeight = if (crop > 0) crop else height
    if (resizedWidth > 0) {
      return Region(
        cutWidth * pictureWidth / resizedWidth.toFloat(),
        cutHeight * pictureHeight / resizedHeight.toFloat(),
      )
    }
    val scale = shorterSide / minOf(pictureWidth, pictureHeight).toFloat()
    return Region(cutWidth / scale, cutHeight / scale)
  }

  companion object {
    /** The share of the shorter side that the input covers where the file says nothing. */
    const val CROP_SHARE = 0.875

    /** Reads `preprocessing.json`. Without it the shorter side is that of the input over .875. */
    fun parse(text: String?, width: Int, height: Int): Preprocessing {
      val default = Preprocessing(width, height)
      if (text == null) return default
      val json = JSONObject(text)
      val resize = json.opt("resize")
      val crop = json.opt("crop")
      return Preprocessing(
        width,
        height,
        resizedHeight = if (resize is JSONArray) resize.getInt(0) else 0,
        resizedWidth = if (resize is JSONArray) resize.getInt(1) else 0,
        shorterSide = if (resize is Int) resize else default.shorterSide,
        crop = if (crop is Int) crop else 0,
        cropShare = if (crop is Double) crop.toFloat() else 0f,
      )
    }
  }
}
