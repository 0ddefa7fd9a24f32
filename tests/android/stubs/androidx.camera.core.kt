package androidx.camera.core

import android.graphics.Bitmap
import java.nio.ByteBuffer
import java.util.concurrent.Executor

abstract class UseCase

object CameraSelector {
  val DEFAULT_BACK_CAMERA = CameraSelector
}

interface ImageInfo {
  val rotationDegrees: Int
}

interface ImageProxy : AutoCloseable {
  interface PlaneProxy {
    val rowStride: Int
    val buffer: ByteBuffer
  }

  val width: Int
  val height: Int
  val planes: Array<PlaneProxy>
  val imageInfo: ImageInfo

  fun toBitmap(): Bitmap
}

class ImageAnalysis : UseCase() {
  fun interface Analyzer {
    fun analyze(image: ImageProxy)
  }

  fun setAnalyzer(executor: Executor, analyzer: Analyzer) {}

  class Builder {
    fun setBackpressureStrategy(strategy: Int) = this

    fun setOutputImageFormat(format: Int) = this

    fun build() = ImageAnalysis()
  }

  companion object {
    const val STRATEGY_KEEP_ONLY_LATEST = 0
    const val OUTPUT_IMAGE_FORMAT_RGBA_8888 = 2
  }
}

class Preview : UseCase() {
  interface SurfaceProvider

  fun setSurfaceProvider(provider: SurfaceProvider) {}

  class Builder {
    fun build() = Preview()
  }
}
