package android.content.res

import java.io.Closeable
import java.io.FileDescriptor
import java.io.InputStream

class AssetFileDescriptor : Closeable {
  val fileDescriptor = FileDescriptor()
  val startOffset = 0L
  val declaredLength = 0L

  override fun close() {}
}

class AssetManager {
  fun open(name: String): InputStream = throw UnsupportedOperationException(name)

  fun openFd(name: String): AssetFileDescriptor = throw UnsupportedOperationException(name)
}

class DisplayMetrics(val density: Float = 1f)

class Resources {
  val displayMetrics = DisplayMetrics()
}
