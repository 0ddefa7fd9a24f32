package dev.keraslight.example

import java.nio.ByteBuffer
import org.tensorflow.lite.support.metadata.MetadataExtractor
import org.tensorflow.lite.support.metadata.schema.NormalizationOptions
import org.tensorflow.lite.support.metadata.schema.ProcessUnitOptions

/** What the metadata of a .tflite file says: nothing of it need be written into the app. */
class ModelInfo(model: ByteBuffer) {
  val height: Int
  val width: Int
  val labels: List<String>
  val mean: FloatArray
  val std: FloatArray

  /** Of the input and the output; a scale of 0 stands for a float tensor. */
  val input: MetadataExtractor.QuantizationParams
  val output: MetadataExtractor.QuantizationParams

  init {
    val extractor = MetadataExtractor(model)
    require(extractor.hasMetadata()) { "The model has no metadata; convert it with --labels." }
    val shape = extractor.getInputTensorShape(0)
    height = shape[1]
    width = shape[2]
    input = extractor.getInputTensorQuantizationParams(0)
    output = extractor.getOutputTensorQuantizationParams(0)

    val file = extractor.getOutputTensorMetadata(0)!!.associatedFiles(0)!!.name()!!
    labels = extractor.getAssociatedFile(file).bufferedReader().readLines()

    val source = extractor.getInputTensorMetadata(0)!!
    val unit =
      (0 until source.processUnitsLength())
        .map { source.processUnits(it)!! }
        .first { it.optionsType() == ProcessUnitOptions.NormalizationOptions }
    val options = unit.options(NormalizationOptions()) as NormalizationOptions
    // one value stands for all channels
    mean = FloatArray(3) { options.mean(minOf(it, options.meanLength() - 1)) }
    std = FloatArray(3) { options.std(minOf(it, options.stdLength() - 1)) }
  }
}
