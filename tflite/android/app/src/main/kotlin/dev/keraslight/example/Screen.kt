package dev.keraslight.example

import androidx.camera.view.PreviewView
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxSize
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.material3.FilterChip
import androidx.compose.material3.LinearProgressIndicator
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.Text
import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.unit.dp
import androidx.compose.ui.viewinterop.AndroidView
import com.google.ai.edge.litert.Accelerator

/** What the screen offers to run the model on. */
val CHOICES = listOf(Accelerator.CPU, Accelerator.GPU, Accelerator.NPU)

/** The camera, the choice of the accelerator, and the best classes of the last frame. */
@Composable
fun Screen(
  view: PreviewView,
  found: Found,
  chosen: Accelerator,
  choose: (Accelerator) -> Unit,
) {
  Column(Modifier.fillMaxSize()) {
    AndroidView(factory = { view }, modifier = Modifier.fillMaxWidth().weight(1f))
    Column(Modifier.padding(16.dp), verticalArrangement = Arrangement.spacedBy(8.dp)) {
      Row(horizontalArrangement = Arrangement.spacedBy(8.dp)) {
        for (choice in CHOICES) {
          FilterChip(
            selected = choice == chosen,
            onClick = { choose(choice) },
            label = { Text(choice.name) },
          )
        }
      }
      found.problem?.let { Text(it, color = MaterialTheme.colorScheme.error) }
      for (score in found.scores) {
        Text("%s  %.0f %%".format(score.label, 100 * score.probability))
        LinearProgressIndicator(progress = { score.probability }, Modifier.fillMaxWidth())
      }
      if (found.scores.isNotEmpty()) {
        Text("%.1f ms with its frame, %s".format(found.milliseconds, found.accelerator))
      }
    }
  }
}
