package dev.keraslight.example

import com.google.ai.edge.litert.support.metadata.MetadataExtractor
import com.google.ai.edge.litert.support.metadata.schema.NormalizationOptions
import com.google.ai.edge.litert.support.metadata.schema.ProcessUnitOptions
import java.nio.ByteBuffer

/** What the metadata of a .tflite file says. The app holds no constant of a model. */
class ModelInfo(model: ByteBuffer) {
  val height: Int
  val width: Int
  val labels: List<String>
  val mean: FloatArray
  val std: FloatArray
  val preprocessing: Preprocessing

  /** Of the input and the output. A scale of 0 stands for a float tensor. */
  val input: MetadataExtractor.QuantizationParams
  val output: MetadataExtractor.QuantizationParams

  init {
    val extractor = MetadataExtractor(model)
    require(extractor.hasMetadata()) { "The model has no metadata. Convert it with --labels." }
    val shape = extractor.getInputTensorShape(0)
    height = shape[1]
    width = shape[2]
    input = extractor.getInputTensorQuantizationParams(0)
    output = extractor.getOutputTensorQuantizationParams(0)

    val files = extractor.getOutputTensorMetadata(0)
    require(files != null && files.associatedFilesLength() > 0) {
      "The model has no labels. Convert it with --labels."
    }
    labels = text(extractor, files.associatedFiles(0)!!.name()!!).trim().lines()

    val source = extractor.getInputTensorMetadata(0)!!
    val unit =
      (0 until source.processUnitsLength())
        .map { source.processUnits(it)!! }
        .firstOrNull { it.optionsType() == ProcessUnitOptions.NormalizationOptions }
    require(unit != null) { "The model states no normalization. Convert it with --mean and --std." }
    val options = unit.options(NormalizationOptions()) as NormalizationOptions
    // one value stands for all channels
    mean = FloatArray(3) { options.mean(minOf(it, options.meanLength() - 1)) }
    std = FloatArray(3) { options.std(minOf(it, options.stdLength() - 1)) }

    val json =
      if (PREPROCESSING in extractor.associatedFileNames) text(extractor, PREPROCESSING) else null
    preprocessing = Preprocessing.parse(json, width, height)
  }

  private fun text(extractor: MetadataExtractor, name: String): String =
    extractor.getAssociatedFile(name)!!.bufferedReader().use { it.readText() }

  private companion object {
    const val PREPROCESSING = "preprocessing.json"
  }
}
