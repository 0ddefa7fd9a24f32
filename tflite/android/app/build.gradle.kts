plugins {
  alias(libs.plugins.android.application)
  alias(libs.plugins.kotlin.android)
  alias(libs.plugins.kotlin.compose)
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
    ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
  }

  buildFeatures { compose = true }

  compileOptions {
    sourceCompatibility = JavaVersion.VERSION_17
    targetCompatibility = JavaVersion.VERSION_17
  }

  // the file is mapped into memory, which is impossible if it is compressed
  androidResources { noCompress += "tflite" }

  // Android 15 and later may have memory pages of 16 KB: native libraries lie uncompressed in the
  // app, and AGP 8.5.1 and later aligns them to 16 KB
  packaging { jniLibs { useLegacyPackaging = false } }
}

kotlin { jvmToolchain(17) }

dependencies {
  implementation(libs.litert)
  implementation(libs.litert.gpu)
  implementation(libs.litert.metadata)

  implementation(libs.camera.core)
  implementation(libs.camera.camera2)
  implementation(libs.camera.lifecycle)
  implementation(libs.camera.view)

  implementation(libs.activity.compose)
  implementation(platform(libs.compose.bom))
  implementation(libs.compose.foundation)
  implementation(libs.compose.material3)
  implementation(libs.compose.runtime)
  implementation(libs.compose.ui)
}
