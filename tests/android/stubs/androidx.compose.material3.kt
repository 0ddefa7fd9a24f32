package androidx.compose.material3

import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.graphics.Color

class ColorScheme(val error: Color = Color())

object MaterialTheme {
  val colorScheme = ColorScheme()
}

@Composable fun MaterialTheme(content: @Composable () -> Unit) {}

@Composable
fun Text(text: String, modifier: Modifier = Modifier, color: Color = Color()) {}

@Composable
fun FilterChip(
  selected: Boolean,
  onClick: () -> Unit,
  label: @Composable () -> Unit,
  modifier: Modifier = Modifier,
) {}

@Composable
fun LinearProgressIndicator(progress: () -> Float, modifier: Modifier = Modifier) {}
