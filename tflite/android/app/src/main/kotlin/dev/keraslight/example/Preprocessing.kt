package dev.keraslight.example

import org.json.JSONArray
import org.json.JSONObject

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
 * @param interpolation the filter
 */
class Preprocessing(
  private val width: Int,
  private val height: Int,
  private val resizedHeight: Int = 0,
  private val resizedWidth: Int = 0,
  private val shorterSide: Int = Math.rint(minOf(width, height) / CROP_SHARE).toInt(),
  private val crop: Int = 0,
  private val cropShare: Double = 0.0,
  private val interpolation: String = "bilinear",
) {
  private var planned: Plan? = null

  /** Returns a picture of the size of the input. It is the same object every time. */
  fun fitted(picture: Picture): Picture {
    val plan = planned?.takeIf { it.fits(picture) } ?: Plan(picture).also { planned = it }
    return plan.run(picture)
  }

  /** The steps for pictures of one size, with their buffers. */
  private inner class Plan(picture: Picture) {
    private val sides = picture.width to picture.height
    private val steps = mutableListOf<(Picture) -> Picture>()

    init {
      if (cropShare > 0) {
        cut(picture, share(picture.width), share(picture.height))
      } else {
        val shorter = minOf(picture.width, picture.height)
        val scaled =
          resized(
            picture,
            if (resizedWidth > 0) resizedWidth else shorterSide * picture.width / shorter,
            if (resizedHeight > 0) resizedHeight else shorterSide * picture.height / shorter,
          )
        cut(scaled, if (crop > 0) crop else width, if (crop > 0) crop else height)
      }
    }

    fun fits(picture: Picture) = sides == picture.width to picture.height

    fun run(picture: Picture): Picture = steps.fold(picture) { current, step -> step(current) }

    private fun share(side: Int) = maxOf(1, Math.rint(cropShare * side).toInt())

    private fun cut(from: Picture, cutWidth: Int, cutHeight: Int) {
      val cut = Picture(cutWidth, cutHeight)
      steps += {
        centre(it, cut)
        cut
      }
      resized(cut, width, height)
    }

    private fun resized(from: Picture, toWidth: Int, toHeight: Int): Picture {
      if (from.width == toWidth && from.height == toHeight) return from
      val to = Picture(toWidth, toHeight)
      val resizer = Resizer(from, to, interpolation)
      steps += {
        resizer.resize(it)
        to
      }
      return to
    }
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
      val interpolation = json.opt("interpolation") as? String ?: default.interpolation
      require(interpolation in INTERPOLATIONS) {
        "The file asks for a filter that is not known. Received: interpolation=$interpolation"
      }
      return Preprocessing(
        width,
        height,
        resizedHeight = if (resize is JSONArray) resize.getInt(0) else 0,
        resizedWidth = if (resize is JSONArray) resize.getInt(1) else 0,
        shorterSide = if (resize is Int) resize else default.shorterSide,
        crop = if (crop is Int) crop else 0,
        cropShare = if (crop is Double) crop else 0.0,
        interpolation = interpolation,
      )
    }
  }
}
