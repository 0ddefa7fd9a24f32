package androidx.compose.foundation.layout

import androidx.compose.runtime.Composable
import androidx.compose.ui.Modifier
import androidx.compose.ui.unit.Dp

object Arrangement {
  interface Horizontal

  interface Vertical

  class Spaced : Horizontal, Vertical

  fun spacedBy(space: Dp) = Spaced()
}

interface ColumnScope {
  fun Modifier.weight(weight: Float): Modifier = this
}

interface RowScope

@Composable
fun Column(
  modifier: Modifier = Modifier,
  verticalArrangement: Arrangement.Vertical = Arrangement.Spaced(),
  content: @Composable ColumnScope.() -> Unit,
) {}

@Composable
fun Row(
  modifier: Modifier = Modifier,
  horizontalArrangement: Arrangement.Horizontal = Arrangement.Spaced(),
  content: @Composable RowScope.() -> Unit,
) {}

fun Modifier.fillMaxSize(): Modifier = this

fun Modifier.fillMaxWidth(): Modifier = this

fun Modifier.padding(all: Dp): Modifier = this
