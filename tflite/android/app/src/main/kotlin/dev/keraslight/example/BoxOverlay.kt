package dev.keraslight.example

import android.content.Context
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.view.View

/**
 * Draws the boxes that a detector found over the camera's picture.
 *
 * Lay it over a `PreviewView` of the same size whose scale type is `FILL_CENTER`, and call [show] on
 * the main thread for each frame.
 */
class BoxOverlay(context: Context) : View(context) {
  private var found: List<Detection> = emptyList()
  private var frameWidth = 1
  private var frameHeight = 1
  private val density = resources.displayMetrics.density
  private val stroke =
    Paint(Paint.ANTI_ALIAS_FLAG).apply {
      style = Paint.Style.STROKE
      strokeWidth = 2 * density
    }
  private val ground = Paint()
  private val text =
    Paint(Paint.ANTI_ALIAS_FLAG).apply {
      color = Color.BLACK
      textSize = 14 * density
    }

  /**
   * Shows the boxes of a frame.
   *
   * @param detections what was found in it
   * @param width of the frame, upright, in pixels
   * @param height of the frame, upright
   */
  fun show(detections: List<Detection>, width: Int, height: Int) {
    found = detections
    frameWidth = width
    frameHeight = height
    invalidate()
  }

  override fun onDraw(canvas: Canvas) {
    super.onDraw(canvas)
    // the frame fills the view and is cut on two sides
    val scale = maxOf(width / frameWidth.toFloat(), height / frameHeight.toFloat())
    val shiftX = (width - scale * frameWidth) / 2
    val shiftY = (height - scale * frameHeight) / 2
    for (one in found) {
      val left = shiftX + scale * frameWidth * one.left
      val right = shiftX + scale * frameWidth * one.right
      val top = shiftY + scale * frameHeight * one.top
      val bottom = shiftY + scale * frameHeight * one.bottom
      val colour = COLOURS[Math.floorMod(one.label.hashCode(), COLOURS.size)]
      stroke.color = colour
      ground.color = colour
      canvas.drawRect(left, top, right, bottom, stroke)
      val label = "%s %.0f %%".format(one.label, 100 * one.score)
      canvas.drawRect(left, top, left + text.measureText(label), top + text.textSize, ground)
      canvas.drawText(label, left, top + text.textSize * 0.85f, text)
    }
  }

  private companion object {
    /** Okabe and Ito's: they differ for all eyes. */
    val COLOURS =
      listOf("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#CC79A7").map {
        Color.parseColor(it)
      }
  }
}
