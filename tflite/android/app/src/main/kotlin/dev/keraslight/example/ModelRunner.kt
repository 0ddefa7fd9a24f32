package dev.keraslight.example

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import java.io.Closeable

/**
 * A file that LiteRT's `CompiledModel` runs, with its buffers, which are created once.
 *
 * Create it, use it and close it on the same thread.
 *
 * @property accelerator the one that runs the file
 * @property fallback why it is not the one that was asked for; `null` if it is
 */
class ModelRunner
private constructor(
  private val model: CompiledModel,
  val accelerator: Accelerator,
  val fallback: String?,
) : Closeable {
  val inputs = model.createInputBuffers()
  val outputs = model.createOutputBuffers()

  /** Computes the outputs from the inputs. */
  fun run() = model.run(inputs, outputs)

  override fun close() {
    (inputs + outputs).forEach { it.close() }
    model.close()
  }

  companion object {
    /**
     * Opens a file with an accelerator, or with the CPU where that is not possible.
     *
     * The accelerator is asked for alone: `CompiledModel` with the CPU as the second choice would
     * use it without notice.
     */
    fun open(assets: AssetManager, file: String, wanted: Accelerator): ModelRunner {
      val reason =
        try {
          return ModelRunner(compiled(assets, file, wanted), wanted, null)
        } catch (error: Exception) {
          if (wanted == Accelerator.CPU) throw error
          "${wanted.name} is not available: ${error.message}"
        }
      return ModelRunner(compiled(assets, file, Accelerator.CPU), Accelerator.CPU, reason)
    }

    private fun compiled(assets: AssetManager, file: String, accelerator: Accelerator) =
      CompiledModel.create(assets, file, CompiledModel.Options(accelerator), null)
  }
}
