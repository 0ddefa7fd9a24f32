package android.view

import android.content.Context
import android.content.res.Resources
import android.graphics.Canvas

open class View(context: Context) {
  val resources = Resources()
  val width = 0
  val height = 0

  fun invalidate() {}

  protected open fun onDraw(canvas: Canvas) {}
}
