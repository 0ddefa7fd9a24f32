package dev.keraslight.example

import android.content.Context
import android.graphics.Bitmap
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import androidx.lifecycle.LifecycleOwner
import com.google.ai.edge.litert.Accelerator
import java.io.Closeable
import java.util.concurrent.Executors

/** What was found in a frame, and what computed it. */
data class Found(
  val scores: List<Score> = emptyList(),
  val milliseconds: Double = 0.0,
  val accelerator: String = "",
  val problem: String? = null,
)

/**
 * Classifies the frames of the camera.
 *
 * @param show is called on another thread with what was found
 */
class CameraSession(private val context: Context, private val show: (Found) -> Unit) : Closeable {
  // the model is created, used and closed on this thread
  private val executor = Executors.newSingleThreadExecutor()
  private var classifier: CompiledModelClassifier? = null
  private var frame: Bitmap? = null

  /** Runs the model on an accelerator from the next frame on. */
  fun use(accelerator: Accelerator) {
    executor.execute {
      classifier?.close()
      classifier = null
      try {
        classifier = CompiledModelClassifier(context.assets, "model.tflite", accelerator)
      } catch (error: Exception) {
        show(Found(problem = "The model cannot be opened: ${error.message}"))
      }
    }
  }

  /** Starts the camera, shows it and classifies what it sees. */
  fun start(owner: LifecycleOwner, view: PreviewView) {
    val future = ProcessCameraProvider.getInstance(context)
    future.addListener({ bind(future.get(), owner, view) }, ContextCompat.getMainExecutor(context))
  }

  private fun bind(provider: ProcessCameraProvider, owner: LifecycleOwner, view: PreviewView) {
    val shown = Preview.Builder().build().also { it.setSurfaceProvider(view.surfaceProvider) }
    val analysis =
      ImageAnalysis.Builder()
        // drop frames instead of queueing them
        .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
        .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
        .build()
    analysis.setAnalyzer(executor) { image -> image.use { classify(it) } }
    provider.unbindAll()
    provider.bindToLifecycle(owner, CameraSelector.DEFAULT_BACK_CAMERA, shown, analysis)
  }

  private fun classify(image: ImageProxy) {
    val current = classifier ?: return
    val begin = System.nanoTime()
    val scores = current.classify(bitmap(image), image.imageInfo.rotationDegrees)
    val milliseconds = (System.nanoTime() - begin) / 1e6
    val runner = current.runner
    show(Found(scores, milliseconds, runner.accelerator.name, runner.fallback))
  }

  /** Returns the pixels of a frame, in a bitmap that is created once. */
  private fun bitmap(image: ImageProxy): Bitmap {
    val plane = image.planes[0]
    // rows may be padded, copyPixelsFromBuffer takes rows without padding
    if (plane.rowStride != 4 * image.width) return image.toBitmap()
    val reused =
      frame?.takeIf { it.width == image.width && it.height == image.height }
        ?: Bitmap.createBitmap(image.width, image.height, Bitmap.Config.ARGB_8888)
    frame = reused
    plane.buffer.rewind()
    reused.copyPixelsFromBuffer(plane.buffer)
    return reused
  }

  override fun close() {
    executor.execute { classifier?.close() }
    executor.shutdown()
  }
}
