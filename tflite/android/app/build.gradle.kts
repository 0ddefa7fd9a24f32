plugins {
  id("com.android.application")
  id("org.jetbrains.kotlin.android")
}

android {
  namespace = "dev.keraslight.example"
  compileSdk = 36

  defaultConfig {
    applicationId = "dev.keraslight.example"
    minSdk = 24 // that of LiteRT 2.3.0
    targetSdk = 36
    versionCode = 1
    versionName = "1.0"
  }

  compileOptions {
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
  }

  // the file is mapped into memory, which is impossible if it is compressed
  androidResources { noCompress += "tflite" }
}

kotlin { jvmToolchain(17) }

dependencies {
  val litert = "2.3.0"
  implementation("com.google.ai.edge.litert:litert:$litert")
  // without it Accelerator.GPU throws, or runs on the CPU without a word
  implementation("com.google.ai.edge.litert:litert-gpu:$litert")
  implementation("com.google.ai.edge.litert:litert-metadata:$litert")

  val camerax = "1.6.2"
  implementation("androidx.camera:camera-core:$camerax")
  implementation("androidx.camera:camera-camera2:$camerax")
  implementation("androidx.camera:camera-lifecycle:$camerax")
  implementation("androidx.camera:camera-view:$camerax")
  implementation("androidx.activity:activity-ktx:1.10.1")
}
