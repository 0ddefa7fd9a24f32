package dev.keraslight.example

/** Android's build makes this class from the resources. */
object R {
  object string {
    const val no_camera = 1
  }
}
