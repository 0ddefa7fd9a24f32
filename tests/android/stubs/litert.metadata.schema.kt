package com.google.ai.edge.litert.support.metadata.schema

open class Table

class AssociatedFile : Table() {
  fun name(): String? = null
}

class NormalizationOptions : Table() {
  fun mean(index: Int) = 0f

  fun meanLength() = 0

  fun std(index: Int) = 0f

  fun stdLength() = 0
}

class ProcessUnit : Table() {
  fun optionsType(): Byte = 0

  fun options(table: Table): Table? = null
}

object ProcessUnitOptions {
  const val NormalizationOptions: Byte = 1
}

class TensorMetadata : Table() {
  fun associatedFiles(index: Int): AssociatedFile? = null

  fun associatedFilesLength() = 0

  fun processUnits(index: Int): ProcessUnit? = null

  fun processUnitsLength() = 0
}
