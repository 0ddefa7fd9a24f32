package dev.keraslight.example

import android.Manifest
import android.content.pm.PackageManager
import android.graphics.Bitmap
import android.os.Bundle
import android.view.Gravity
import android.widget.FrameLayout
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import androidx.core.content.ContextCompat
import java.util.concurrent.Executors

/** Shows the camera and the best classes of each frame. */
class MainActivity : ComponentActivity() {
  // the model is created, used and closed on this thread
  private val executor = Executors.newSingleThreadExecutor()
  private var classifier: CompiledModelClassifier? = null
  private var frame: Bitmap? = null
  private lateinit var preview: PreviewView
  private lateinit var text: TextView

  private val askForCamera =
    registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
      if (granted) startCamera() else text.setText(R.string.no_camera)
    }

  override fun onCreate(savedInstanceState: Bundle?) {
    super.onCreate(savedInstanceState)
    preview = PreviewView(this)
    text = TextView(this).apply { textSize = 20f }
    val layout = FrameLayout(this)
    layout.addView(preview)
    layout.addView(
      text,
      FrameLayout.LayoutParams(
        FrameLayout.LayoutParams.MATCH_PARENT,
        FrameLayout.LayoutParams.WRAP_CONTENT,
        Gravity.BOTTOM,
      ),
    )
    setContentView(layout)
    val permission = Manifest.permission.CAMERA
    if (ContextCompat.checkSelfPermission(this, permission) == PackageManager.PERMISSION_GRANTED) {
      startCamera()
    } else {
      askForCamera.launch(permission)
    }
  }

  private fun startCamera() {
    // before the camera starts, because preparing the model takes longer than a frame
    executor.execute { classifier = CompiledModelClassifier(assets, "model.tflite") }
    val future = ProcessCameraProvider.getInstance(this)
    future.addListener({ bind(future.get()) }, ContextCompat.getMainExecutor(this))
  }

  private fun bind(provider: ProcessCameraProvider) {
    val shown = Preview.Builder().build().also { it.setSurfaceProvider(preview.surfaceProvider) }
    val analysis =
      ImageAnalysis.Builder()
        // drop frames instead of queueing them
        .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
        .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
        .build()
    analysis.setAnalyzer(executor) { image -> image.use { classify(it) } }
    provider.unbindAll()
    provider.bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, shown, analysis)
  }

  private fun classify(image: ImageProxy) {
    val scores = classifier?.classify(bitmap(image), image.imageInfo.rotationDegrees) ?: return
    val lines = scores.joinToString("\n") { "%4.0f %%  %s".format(100 * it.probability, it.label) }
    runOnUiThread { text.text = lines }
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

  override fun onDestroy() {
    executor.execute { classifier?.close() }
    executor.shutdown()
    super.onDestroy()
  }
}
