package dev.keraslight.example

import android.Manifest
import android.content.pm.PackageManager
import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.view.PreviewView
import androidx.compose.material3.MaterialTheme
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.setValue
import androidx.core.content.ContextCompat
import com.google.ai.edge.litert.Accelerator

/** Shows the camera and the best classes of each frame. */
class MainActivity : ComponentActivity() {
  private var found by mutableStateOf(Found())
  private var chosen by mutableStateOf(Accelerator.CPU)
  private lateinit var session: CameraSession
  private lateinit var view: PreviewView

  private val askForCamera =
    registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
      if (granted) start() else found = Found(problem = getString(R.string.no_camera))
    }

  override fun onCreate(savedInstanceState: Bundle?) {
    super.onCreate(savedInstanceState)
    view = PreviewView(this)
    session = CameraSession(this) { runOnUiThread { found = it } }
    setContent { MaterialTheme { Screen(view, found, chosen, ::choose) } }
    val permission = Manifest.permission.CAMERA
    if (ContextCompat.checkSelfPermission(this, permission) == PackageManager.PERMISSION_GRANTED) {
      start()
    } else {
      askForCamera.launch(permission)
    }
  }

  private fun start() {
    // before the camera starts, because preparing the model takes longer than a frame
    session.use(chosen)
    session.start(this, view)
  }

  private fun choose(accelerator: Accelerator) {
    chosen = accelerator
    session.use(accelerator)
  }

  override fun onDestroy() {
    session.close()
    super.onDestroy()
  }
}
